"""Every call is kept. The transcript of a run is its cache, and `replay:` is nothing but that cache.

A line of `transcript.jsonl` is one call: round, stage, attempt, seed, messages, reply, usage, seconds. A call is known
again by its seed and its request, so a resumed, replayed or forked run asks the LLM nothing that was answered.
"""

import hashlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ..errors import LLMError
from ..jsonl import append_line, read_lines
from .base import LLM, Completion, Message


def call_key(messages: list[Message], schema: dict[str, Any] | None, seed: int | None, max_tokens: int) -> str:
    """What makes two calls the same call."""
    constraint = getattr(schema, "grammar", None) or schema
    request = json.dumps([messages, constraint, None if seed is None else int(seed), max_tokens], sort_keys=True)
    return hashlib.sha256(request.encode()).hexdigest()[:16]


def recorded_calls(path: Path) -> Iterator[dict[str, Any]]:
    """The calls of a transcript, oldest first; a truncated last line is passed over."""
    return read_lines(path)


class Recorder:
    """An LLM that answers from the transcript where it can, and else asks `llm` and writes the answer down first.

    `llm=None` makes it a replay: what the transcript does not hold is an LLMError.
    """

    notation: str
    templates: str
    strategy: str
    settings: dict[str, Any]

    def __init__(self, path: Path, llm: LLM | None, *, name: str | None = None):
        self.path = path
        self.name = name or (llm.name if llm else f"replay:{path.parent}")
        self.asked = 0  # calls that reached the LLM, not the transcript
        self._llm = llm
        for preference in ("notation", "templates", "strategy", "settings"):
            setattr(self, preference, getattr(llm, preference, None))
        self._answers = {
            call["key"]: Completion(call["reply"], call["usage"], call["seconds"]) for call in recorded_calls(path)
        }

    def complete(
        self,
        messages: list[Message],
        *,
        schema: dict[str, Any] | None = None,
        seed: int | None = None,
        max_tokens: int = 512,
    ) -> Completion:
        """As `LLM.complete`; the new line is flushed to disk before the reply is handed out."""
        key = call_key(messages, schema, seed, max_tokens)
        if key in self._answers:
            return self._answers[key]
        if self._llm is None:
            raise LLMError(
                f"{self.path} holds no answer to this call: the run was made with other settings, or was not finished. "
                "Run it with its own LLM to go on."
            )
        completion = self._llm.complete(messages, schema=schema, seed=seed, max_tokens=max_tokens)
        self.asked += 1
        place = {name: getattr(seed, name, None) for name in ("round", "stage", "attempt")}
        append_line(
            self.path,
            {
                **place,
                "key": key,
                "seed": None if seed is None else int(seed),
                "messages": messages,
                "reply": completion.text,
                "usage": completion.usage,
                "seconds": round(completion.seconds, 4),
            },
        )
        self._answers[key] = completion
        return completion
