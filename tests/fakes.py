"""A fake LLM for unit tests: it chooses by the call's seed, and can be told to misbehave."""

import random

from seki_lib.llm import LLM, Completion
from seki_lib.spaces import get_space


class FakeLLM(LLM):
    """Answers a choice with one of its texts and an architecture with a random cell.

    `replies` are given out first; with `unreadable=n` about every n-th architecture is prose, decided by the seed.
    """

    name, notation, templates, strategy = "fake:llm", "words", "compact", "edit"

    def __init__(self, *replies, unreadable=0, space="nas201"):
        self.replies, self.space = list(replies), space
        self.unreadable = unreadable
        self.settings = {"unreadable": unreadable}
        self.calls = []

    def answer(self, question):
        messages, schema, seed = question.messages, question.schema, question.seed
        self.calls.append((messages, schema, seed))
        rng, space = random.Random(seed), get_space(self.space)
        if schema and "enum" in schema:
            text = rng.choice(schema["enum"])
        elif self.replies:
            text = self.replies.pop(0)
        elif self.unreadable and rng.randrange(self.unreadable) == 0:
            text = "not a cell"
        else:
            text = space.show(space.random(rng), self.notation)
        return Completion(text, {"prompt_tokens": len(str(messages)) // 4, "completion_tokens": 12}, 0.01)
