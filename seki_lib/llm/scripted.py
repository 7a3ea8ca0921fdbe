"""`scripted:<file>`: replies from a file. For tests only: a search without an LLM must never look like one."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..files.errors import LLMError
from .base import LLM, CallSeed, Completion, Message, Question

Script = Callable[[list[Message], dict[str, Any] | None, int | None], str]


class Scripted(LLM):
    """Replies that a function makes from the messages, the schema and the seed."""

    def __init__(self, name: str, script: Script) -> None:
        if "PYTEST_CURRENT_TEST" not in os.environ:
            raise LLMError("scripted: is for tests only. To see a search without an LLM, use replay:<run folder>.")
        self.name = f"scripted:{name}"
        self.script = script
        self.calls = 0

    def answer(self, question: Question) -> Completion:
        """The scripted reply; tokens are counted as words."""
        self.calls += 1
        text = self.script(question.messages, question.schema, question.seed)
        sent = sum(len(message["content"].split()) for message in question.messages)
        return Completion(text, {"prompt_tokens": sent, "completion_tokens": len(text.split())}, finish="stop")


def scripted(file: str) -> Scripted:
    """Replies by stage, `{"critique": [...], "refine": [...], …}`: that of round i and attempt a is number i + a.

    Raises LLMError outside of tests.
    """
    replies: dict[str, list[str]] = (
        json.loads(Path(file).read_text(encoding="utf-8-sig")) if Path(file).is_file() else {}
    )

    def script(messages: list[Message], schema: dict[str, Any] | None, seed: int | None) -> str:
        if not isinstance(seed, CallSeed):
            raise LLMError("scripted: answers the calls of a search only")
        of_stage = replies.get(seed.stage, [""])
        return of_stage[(seed.round + seed.attempt) % len(of_stage)]

    return Scripted(file, script)
