"""A fake LLM for unit tests: it chooses by the call's seed, and can be told to misbehave."""

import random

from seki_lib.llm import Completion
from seki_lib.spaces import get_space


class FakeLLM:
    """Answers a choice with one of its texts and an architecture with a random cell; `replies` are given out first."""

    name, notation, templates, strategy = "fake:llm", "words", "compact", "edit"
    settings = {"fake": True}

    def __init__(self, *replies):
        self.replies = list(replies)
        self.calls = []

    def complete(self, messages, *, schema=None, seed=None, max_tokens=512):
        self.calls.append((messages, schema, seed))
        rng, space = random.Random(seed), get_space("nas201")
        if schema and "enum" in schema:
            text = rng.choice(schema["enum"])
        elif self.replies:
            text = self.replies.pop(0)
        else:
            text = space.show(space.random(rng), self.notation)
        return Completion(text, {"prompt_tokens": len(str(messages)) // 4, "completion_tokens": 12}, 0.01)
