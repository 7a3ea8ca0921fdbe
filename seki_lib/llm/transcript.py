"""Every call is kept. The transcript of a run is its cache, and `replay:` is nothing but that cache.

A line of `transcript.jsonl` is one request: round, stage, attempt, seed, messages, reply, usage, dollars, seconds, the
provider's request id and the model that answered. One that brought no reply has `error` in place of `reply`. A call is
known again by its seed and its request, so a resumed, replayed or forked run asks the LLM nothing that was answered.
"""

import hashlib
import json
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import LLMError
from ..jsonl import append_line, read_lines, require_room
from .base import LLM, Attempt, Completion, Message
from .budget import Budget, BudgetError, worst_usage
from .prices import Price, price_of
from .secrets import redact


def call_key(messages: list[Message], schema: dict[str, Any] | None, seed: int | None, max_tokens: int) -> str:
    """What makes two calls the same call."""
    constraint = getattr(schema, "grammar", None) or schema
    request = json.dumps([messages, constraint, None if seed is None else int(seed), max_tokens], sort_keys=True)
    return hashlib.sha256(request.encode()).hexdigest()[:16]


def recorded_calls(path: Path) -> Iterator[dict[str, Any]]:
    """The answered calls of a transcript, oldest first; a truncated last line is passed over."""
    return (line for line in read_lines(path, _checked) if "reply" in line)


def _checked(line: dict[str, Any]) -> dict[str, Any]:
    """A line as it was recorded. Raises KeyError or TypeError for what no recorder writes."""
    numbers = [line["seconds"], *(line["usage"].values() if "reply" in line else ())]
    texts = [line["key"], line["reply"] if "reply" in line else line["error"]]
    if not all(isinstance(number, int | float) for number in numbers) or not all(isinstance(t, str) for t in texts):
        raise TypeError("a text or a number is of another kind")
    return line


def totals(path: Path) -> dict[str, Any]:
    """What a transcript took: calls, failed requests, tokens by kind, seconds, and dollars (None if not known)."""
    lines = list(read_lines(path, _checked))
    calls = [line for line in lines if "reply" in line]
    kinds = ["prompt_tokens", "completion_tokens"] + [
        kind for kind in ("cached_tokens", "cache_write_tokens") if any(kind in call["usage"] for call in calls)
    ]
    dollars = [call.get("dollars") for call in calls]
    return {
        "calls": len(calls),
        "failed": len(lines) - len(calls),
        "tokens": {kind: sum(call["usage"].get(kind, 0) for call in calls) for kind in kinds},
        "dollars": None if None in dollars else round(sum(d for d in dollars if d is not None), 6),
        "llm_seconds": round(sum(call["seconds"] for call in calls), 2),
    }


class Recorder:
    """An LLM that answers from the transcript where it can, and else asks `llm` and writes the answer down first.

    `llm=None` makes it a replay: what the transcript does not hold is an LLMError. budget: bounds that are checked
    before each request. Keys never reach the transcript, nor a reply or an error that leaves this class.
    """

    notation: str
    templates: str
    strategy: str
    settings: dict[str, Any]

    def __init__(self, path: Path, llm: LLM | None, *, name: str | None = None, budget: Budget | None = None):
        self.path = path
        self.name = name or (llm.name if llm else f"replay:{path.parent}")
        self.asked = 0  # calls that reached the LLM, not the transcript
        self._llm = llm
        self._budget = budget
        for preference in ("notation", "templates", "strategy", "settings"):
            setattr(self, preference, getattr(llm, preference, None))
        self._answers = {call["key"]: _completion(call) for call in recorded_calls(path)}

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
        request = {
            **{name: getattr(seed, name, None) for name in ("round", "stage", "attempt")},
            "key": key,
            "seed": None if seed is None else int(seed),
            "max_tokens": max_tokens,
            "messages": messages,
        }
        require_room(self.path)  # a reply that is paid for and cannot be kept would be lost
        headroom = getattr(self._llm, "headroom", 0)
        watch = _Watch(self, request, worst_usage(messages, schema, max_tokens + headroom))
        with watch.over(self._llm):
            completion = self._llm.complete(messages, schema=schema, seed=seed, max_tokens=max_tokens)
        self.asked += 1
        dollars = watch.price.dollars(completion.usage) if watch.price and completion.usage else None
        text = completion.text.encode("utf-8", "replace").decode()  # a lone surrogate is not text that a file can hold
        completion = replace(completion, text=redact(text), dollars=dollars)
        watch.answered(completion)
        self._answers[key] = completion
        return completion

    def write(self, line: dict[str, Any]) -> None:
        """Append one line, without keys."""
        append_line(self.path, redact(line))


class _Watch:
    """One call under watch: its bounds are checked before every request, and what failed is written down."""

    def __init__(self, recorder: Recorder, request: dict[str, Any], worst: dict[str, int]):
        llm = recorder._llm
        self.price: Price | None = price_of(recorder.name, hosted=getattr(llm, "hosted", True))
        self._recorder, self._request, self._worst = recorder, request, worst
        self._reserved: str | None = None

    @contextmanager
    def over(self, llm: LLM) -> Iterator[None]:
        """While the LLM is asked. One that knows of no watch is taken to send one request."""
        tells = hasattr(llm, "watch")
        started = time.perf_counter()
        try:
            if tells:
                llm.watch = self  # type: ignore[attr-defined]
            else:
                self.before()
            yield
        except LLMError as error:
            if not tells and not isinstance(error, BudgetError):
                self.failed(Attempt(str(error), time.perf_counter() - started))
            raise type(error)(redact(str(error))) from None

    def before(self) -> None:
        """Set aside what the request can cost."""
        if budget := self._recorder._budget:
            self._reserved = budget.reserve(self._recorder.name, self.price, self._worst)

    def failed(self, attempt: Attempt) -> None:
        """Write the failed request down and settle it."""
        line = self._request | {"error": attempt.error, "status": attempt.status, "request_id": attempt.request_id}
        self._recorder.write(line | {"seconds": round(attempt.seconds, 4)})
        if (budget := self._recorder._budget) and self._reserved:
            if attempt.billed:
                budget.keep(self._reserved)
            else:
                budget.settle(self._reserved, {}, 0.0)
            self._reserved = None

    def answered(self, completion: Completion) -> None:
        """Write the reply down and settle its request."""
        line = self._request | {"reply": completion.text, "usage": completion.usage}
        said = {name: getattr(completion, name) for name in ("model", "request_id", "finish", "dollars")}
        self._recorder.write(
            line | {k: v for k, v in said.items() if v != ""} | {"seconds": round(completion.seconds, 4)}
        )
        if (budget := self._recorder._budget) and self._reserved:
            if completion.usage:
                budget.settle(self._reserved, completion.usage, completion.dollars or 0.0)
            else:  # a provider that does not say what it took: count the most it can have been
                budget.keep(self._reserved)
            self._reserved = None


def _completion(call: dict[str, Any]) -> Completion:
    """The reply that a line of the transcript holds."""
    said = {name: call[name] for name in ("model", "request_id", "finish", "dollars") if name in call}
    return Completion(call["reply"], call["usage"], call["seconds"], **said)
