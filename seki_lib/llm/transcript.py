"""Every call is kept. The transcript of a run is its cache, and `replay:` is nothing but that cache.

A line of `transcript.jsonl` is one request: round, stage, attempt, seed, messages, reply, usage, dollars, seconds, the
provider's request id and the model that answered; the first line also has the canary of `files.canary`. One that
brought no reply has `error` in place of `reply`. A call is known again by its key
(`Question.key`), so a resumed, replayed or forked run asks the LLM nothing that was answered.
"""

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from ..files.canary import REQUEST
from ..files.errors import LLMError
from ..files.jsonl import append_line, require_room
from ..files.run_folder import read_requests
from .base import LLM, UNWATCHED, CallSeed, Completion, Message, NoReply, Question, Watch
from .budget import Budget, worst_usage
from .prices import price_of
from .question import tidy
from .redaction import redact

IF_SAID = ("thoughts", "model", "request_id", "finish")  # fields of a Completion that a line has unless they are empty


def recorded_calls(path: Path) -> Iterator[dict[str, Any]]:
    """The answered calls of a transcript, oldest first; a truncated last line is passed over."""
    return (line for line in read_requests(path) if "reply" in line)


def totals(path: Path) -> dict[str, Any]:
    """What a transcript took: calls, failed requests, tokens by kind, seconds, and dollars (None if not known).

    `without_usage`, where it is there, counts the calls whose tokens the provider did not say. Tokens count those
    of failed requests too, where the provider said what they took. A line that stands there twice, as in
    transcripts that were put together, counts once.
    """
    lines, known = [], set()
    for line in read_requests(path):
        text = json.dumps(line, sort_keys=True)
        if text not in known or "error" in line:  # two failures may well be alike
            lines.append(line)
        known.add(text)
    calls = [line for line in lines if "reply" in line]
    usages = [line.get("usage", {}) for line in lines]
    kinds = ["prompt_tokens", "completion_tokens"] + [
        kind for kind in ("cached_tokens", "cache_write_tokens") if any(kind in usage for usage in usages)
    ]
    dollars = [line.get("dollars") for line in lines if "reply" in line or "usage" in line]
    unsaid = sum("completion_tokens" not in call.get("usage", {}) for call in calls)
    return {
        "calls": len(calls),
        **({"without_usage": unsaid} if unsaid else {}),
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
        answers = {call["key"]: _completion(call) for call in recorded_calls(path)}
        self._answers = {key: completion for key, completion in answers.items() if not completion.cut_off}
        self._earlier = {call["key"]: call for other in earlier for call in recorded_calls(other)}

    def answer(self, question: Question) -> Completion:
        """The recorded reply. Raises LLMError if there is none."""
        if question.key not in self._answers:
            raise LLMError(
                f"{self.path} holds no answer to this call: the run had other settings or other scores, or was "
                "not finished. Compare `search` and `data` of its config.json, or run it with its own LLM to go on."
            )
        return self._answers[question.key]

    def ask(self, question: Question, watch: Watch = UNWATCHED) -> Completion:
        """The recorded reply, or the LLM's: then the new line is on disk before the reply is handed out."""
        key = question.key
        if key not in self._answers and key in self._earlier:
            append_line(self.path, redact(self._earlier[key]))
            self._answers[key] = _completion(self._earlier[key])
        if self._llm is None or key in self._answers:
            return self.answer(question)
        require_room(self.path)  # a reply that is paid for and cannot be kept would be lost
        call = _Call(self.path, self.name, self._llm.hosted, self._budget, question)
        try:
            completion = self._llm.ask(question, call)
        except LLMError as error:
            raise type(error)(redact(str(error))) from None
        self.asked += 1
        self._answers[key] = call.answered(completion)
        return self._answers[key]

    @property
    def last_reply(self) -> str | None:
        """What the LLM said last in this transcript, if anything."""
        return next((answer.text for answer in reversed(self._answers.values())), None)

    def count_tokens(self, messages: list[Message]) -> int | None:
        """As its LLM counts them."""
        return self._llm.count_tokens(messages) if self._llm else None


class _Call(Watch):
    """One call on its way: bounds are checked before each of its requests, and each request becomes a line."""

    def __init__(self, path: Path, name: str, hosted: bool, budget: Budget | None, question: Question):
        self._path, self._name, self._budget, self._question = path, name, budget, question
        self._price = price_of(name, hosted=hosted)
        self._reserved = ""
        seed = question.seed
        place = (seed.round, seed.stage, seed.attempt) if isinstance(seed, CallSeed) else (None, None, None)
        self._request: dict[str, Any] = dict(zip(("round", "stage", "attempt"), place, strict=True))
        self._request |= {
            "key": question.key,
            "seed": None if seed is None else int(seed),
            "max_tokens": question.max_tokens,
            "messages": question.messages,
        }

    def before(self, max_tokens: int) -> None:
        """Set aside what the request can cost."""
        if self._budget:
            worst = worst_usage(self._question.messages, self._question.schema, max_tokens)
            self._reserved = self._budget.reserve(self._name, self._price, worst, run=str(self._path.parent))

    def failed(self, failure: NoReply, seconds: float) -> None:
        """Write the failed request down and settle it."""
        line: dict[str, Any] = {"error": failure.error, "status": failure.status, "request_id": failure.request_id}
        if failure.usage:
            line |= {"usage": failure.usage, "dollars": self._dollars(failure.usage)}
        self._write(line, seconds)
        self._settle(failure.usage, billed=failure.billed)

    def answered(self, completion: Completion) -> Completion:
        """Write the reply down and settle its request; the same reply without keys, and with what it cost."""
        text, thoughts = redact(completion.text), redact(completion.thoughts)
        dollars, seconds = self._dollars(completion.usage), round(completion.seconds, 4)
        dollars = completion.dollars if dollars is None else dollars  # chance knows that it costs nothing
        completion = replace(completion, text=text, thoughts=thoughts, dollars=dollars, seconds=seconds)
        fields = asdict(completion)
        said = {name: fields[name] for name in IF_SAID if fields[name]}
        line = {"reply": completion.text, "usage": completion.usage, **said, "dollars": completion.dollars}
        self._write(line, completion.seconds)
        self._settle(completion.usage, billed=True)
        return completion

    def _write(self, line: dict[str, Any], seconds: float) -> None:
        first = {} if self._path.exists() and self._path.stat().st_size else {"canary": REQUEST}
        append_line(self._path, redact(self._request | line | {"seconds": round(seconds, 4)} | first))

    def _dollars(self, usage: dict[str, int]) -> float | None:
        """What this usage costs, None where the price or the usage is not known."""
        return self._price.dollars(usage) if self._price and usage else None

    def _settle(self, usage: dict[str, int], *, billed: bool) -> None:
        if self._budget:
            self._budget.settle(self._reserved, usage, self._dollars(usage) or 0.0, billed=billed)


def _completion(call: dict[str, Any]) -> Completion:
    """The reply that a line of the transcript holds."""
    said = {field: call[field] for field in (*IF_SAID, "dollars") if field in call}
    return tidy(Completion(call["reply"], call["usage"], call["seconds"], **said))
