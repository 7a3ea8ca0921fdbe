"""`scripted:<file>`: replies from a file. For tests only: a search without an LLM must never look like one."""

import os
from pathlib import Path

from ..files.errors import LLMError
from ..files.jsonl import read_json
from .base import LLM, CallSeed, Completion, Question


class Scripted(LLM):
    """Replies by stage, `{"critique": [...], "refine": [...], …}`: that of round i and attempt a is number i + a.

    Raises LLMError outside of tests.
    """

    def __init__(self, file: str) -> None:
        if "PYTEST_CURRENT_TEST" not in os.environ:
            raise LLMError("scripted: is for tests only. To see a search without an LLM, use replay:<run folder>.")
        self.name = f"scripted:{file}"
        self._replies: dict[str, list[str]] = read_json(Path(file), shape={"*": [str]}) if file else {}

    def answer(self, question: Question) -> Completion:
        """The scripted reply; tokens are counted as words."""
        seed = question.seed
        if not isinstance(seed, CallSeed):
            raise LLMError("scripted: answers the calls of a search only")
        of_stage = self._replies.get(seed.stage, [""])
        text = of_stage[(seed.round + seed.attempt) % len(of_stage)]
        sent = sum(len(message["content"].split()) for message in question.messages)
        return Completion(text, {"prompt_tokens": sent, "completion_tokens": len(text.split())}, finish="stop")
