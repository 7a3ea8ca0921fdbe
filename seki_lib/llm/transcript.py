"""Every call is kept. The transcript of a run is its cache, and `replay:` is nothing but that cache.

A line of `transcript.jsonl` is one request: round, stage, attempt, seed, messages, reply, usage, dollars, seconds, the
provider's request id and the model that answered. One that brought no reply has `error` in place of `reply`. A call is
known again by its seed and its request, so a resumed, replayed or forked run asks the LLM nothing that was answered.
"""

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..files.errors import LLMError
from ..files.jsonl import append_line, read_lines, require_room
from .base import LLM, Attempt, CallSeed, Completion, Message, Question, tidy
from .budget import Budget, BudgetError, worst_usage
from .prices import Price, price_of
from .secrets import redact

NO_PLACE = dict.fromkeys(("round", "stage", "attempt"))


def call_key(messages: list[Message], schema: dict[str, Any] | None, seed: int | None, max_tokens: int) -> str:
    """What makes two calls the same call; see Question.key."""
    return Question(messages, schema, seed, max_tokens).key


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
    """What a transcript took: calls, failed requests, tokens by kind, seconds, and dollars (None if not known).

    Tokens count those of failed requests too, where the provider said what they took.
    """
    lines = list(read_lines(path, _checked))
    calls = [line for line in lines if "reply" in line]
    usages = [line.get("usage", {}) for line in lines]
    kinds = ["prompt_tokens", "completion_tokens"] + [
        kind for kind in ("cached_tokens", "cache_write_tokens") if any(kind in usage for usage in usages)
    ]
    dollars = [line.get("dollars") for line in lines if "reply" in line or "usage" in line]
    return {
        "calls": len(calls),
        "failed": len(lines) - len(calls),
        "tokens": {kind: sum(usage.get(kind, 0) for usage in usages) for kind in kinds},
        "dollars": None if None in dollars else round(sum(d for d in dollars if d is not None), 6),
        "llm_seconds": round(sum(call["seconds"] for call in calls), 2),
    }


class Recorder(LLM):
    """An LLM that answers from the transcript where it can, and else asks `llm` and writes the answer down first.

    `llm=None` makes it a replay: what the transcript does not hold is an LLMError. budget: bounds that are checked
    before each request. earlier: transcripts of the same LLM, whose answers are taken over. Keys never reach the
    transcript, nor a reply or an error that leaves this class.
    """

    def __init__(
        self,
        path: Path,
        llm: LLM | None,
        *,
        name: str | None = None,
        budget: Budget | None = None,
        earlier: Sequence[Path] = (),
    ):
        self.path = path
        self.name = name or (llm.name if llm else f"replay:{path.parent}")
        self.asked = 0  # calls that reached the LLM, not the transcript
        self._llm = llm
        self._budget = budget
        if llm:
            self.notation, self.templates, self.strategy = llm.notation, llm.templates, llm.strategy
            self.settings, self.hosted, self.texts, self.recorded = llm.settings, llm.hosted, llm.texts, llm.recorded
        answers = ((call["key"], _completion(call)) for call in recorded_calls(path))
        self._answers = {key: completion for key, completion in answers if not tidy(completion).cut_off}
        self._earlier = {call["key"]: call for other in earlier for call in recorded_calls(other)}

    def answer(self, question: Question) -> Completion:
        """The recorded reply, or the LLM's: then the new line is on disk before the reply is handed out."""
        if question.key in self._answers:
            return self._answers[question.key]
        if question.key in self._earlier:
            self.write(self._earlier[question.key])
            self._answers[question.key] = _completion(self._earlier[question.key])
            return self._answers[question.key]
        if self._llm is None:
            raise LLMError(
                f"{self.path} holds no answer to this call: the run had other settings or other scores, or was "
                "not finished. Compare `search` and `data` of its config.json, or run it with its own LLM to go on."
            )
        require_room(self.path)  # a reply that is paid for and cannot be kept would be lost
        watch = _Watch(self, self._llm, question)
        with watch.over():
            completion = self._llm.complete(question)
        self.asked += 1
        text, thoughts = redact(completion.text), redact(completion.thoughts)
        completion = replace(completion, text=text, thoughts=thoughts, dollars=watch.dollars(completion.usage))
        watch.answered(completion)
        self._answers[question.key] = completion
        return completion

    @property
    def last_reply(self) -> str | None:
        """What the LLM said last in this transcript, if anything."""
        return next((answer.text for answer in reversed(self._answers.values())), None)

    def count_tokens(self, messages: list[Message]) -> int | None:
        """As its LLM counts them."""
        return self._llm.count_tokens(messages) if self._llm else None

    def write(self, line: dict[str, Any]) -> None:
        """Append one line, without keys."""
        append_line(self.path, redact(line))


class _Watch:
    """One call under watch: its bounds are checked before every request, and what failed is written down."""

    def __init__(self, recorder: Recorder, llm: LLM, question: Question):
        self.price: Price | None = price_of(recorder.name, hosted=llm.hosted)
        self._recorder, self._llm, self._question = recorder, llm, question
        self._request = {
            **(question.seed.place if isinstance(question.seed, CallSeed) else NO_PLACE),
            "key": question.key,
            "seed": None if question.seed is None else int(question.seed),
            "max_tokens": question.max_tokens,
            "messages": question.messages,
        }
        self._reserved: str | None = None

    @contextmanager
    def over(self) -> Iterator[None]:
        """While the LLM is asked. One that does not tell of its requests is taken to send one."""
        started = time.perf_counter()
        try:
            if self._llm.tells:
                self._llm.watch = self
            else:
                self.before(self._question.max_tokens + self._llm.headroom)
            yield
        except LLMError as error:
            if not self._llm.tells and not isinstance(error, BudgetError):
                self.failed(Attempt(str(error), time.perf_counter() - started))
            raise type(error)(redact(str(error))) from None

    def before(self, max_tokens: int) -> None:
        """Set aside what the request can cost."""
        if budget := self._recorder._budget:
            worst = worst_usage(self._question.messages, self._question.schema, max_tokens)
            self._reserved = budget.reserve(self._recorder.name, self.price, worst, run=str(self._recorder.path.parent))

    def failed(self, attempt: Attempt) -> None:
        """Write the failed request down and settle it."""
        line = self._request | {"error": attempt.error, "status": attempt.status, "request_id": attempt.request_id}
        if attempt.usage:
            line |= {"usage": attempt.usage, "dollars": self.dollars(attempt.usage)}
        self._recorder.write(line | {"seconds": round(attempt.seconds, 4)})
        self._settle(attempt.usage, billed=attempt.billed)

    def answered(self, completion: Completion) -> None:
        """Write the reply down and settle its request."""
        line = self._request | {"reply": completion.text, "usage": completion.usage}
        said = {
            "thoughts": completion.thoughts,
            "model": completion.model,
            "request_id": completion.request_id,
            "finish": completion.finish,
        }
        line |= {name: text for name, text in said.items() if text} | {"dollars": completion.dollars}
        self._recorder.write(line | {"seconds": round(completion.seconds, 4)})
        self._settle(completion.usage, billed=True)

    def dollars(self, usage: dict[str, int]) -> float | None:
        """What this usage costs, None where the price or the usage is not known."""
        return self.price.dollars(usage) if self.price and usage else None

    def _settle(self, usage: dict[str, int], *, billed: bool) -> None:
        """Put what was used in place of the reservation; the whole of it where the provider does not say."""
        if (budget := self._recorder._budget) and self._reserved:
            if usage or not billed:
                budget.settle(self._reserved, usage, self.dollars(usage) or 0.0)
            else:
                budget.keep(self._reserved)
            self._reserved = None


def _completion(call: dict[str, Any]) -> Completion:
    """The reply that a line of the transcript holds."""
    said = {name: call[name] for name in ("model", "request_id", "finish", "dollars", "thoughts") if name in call}
    return Completion(call["reply"], call["usage"], call["seconds"], **said)
