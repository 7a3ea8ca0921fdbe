"""Who answers. An LLM takes a question and returns a Completion; it knows nothing of searches."""

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, Protocol

from ..files.errors import LLMError
from ..spaces.base import ReplySchema
from ..spaces.reading import split_thoughts

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}
NOTHING: Mapping[str, Any] = MappingProxyType({})


class CallSeed(int):
    """The seed of one call: an int in [0, 2**31), derived from where in the run the call stands, never from a stream.

    That makes resume, replay and forks exact: the same place always asks with the same seed.
    """

    round: int
    stage: str
    attempt: int

    def __new__(cls, run_seed: int, round: int, stage: str, attempt: int) -> "CallSeed":
        """The seed of this attempt at this stage of this round of this run."""
        digest = hashlib.sha256(f"{run_seed}/{round}/{stage}/{attempt}".encode()).digest()
        self = super().__new__(cls, int.from_bytes(digest[:4], "big") >> 1)
        self.round, self.stage, self.attempt = round, stage, attempt
        return self

    @property
    def place(self) -> dict[str, Any]:
        """Round, stage and attempt, as a line of a transcript names them."""
        return {"round": self.round, "stage": self.stage, "attempt": self.attempt}


@dataclass(frozen=True)
class Question:
    """One call, complete: what is asked, in which form the reply is wanted, and how long it may be.

    schema: JSON Schema that the reply shall follow; a ReplySchema also carries the grammar that llama.cpp takes.
    seed: the same seed and messages give the same reply where the provider can promise that.
    max_tokens: longest reply, thoughts aside.
    shown: the known cells that the messages show, as they are spelled there. The messages say it all; this is for who
    answers by chance in the place of a model.
    """

    messages: list[Message]
    schema: dict[str, Any] | None = None
    seed: int | None = None
    max_tokens: int = 512
    shown: tuple[str, ...] = ()

    @property
    def round(self) -> int:
        """The round of the search that asks, 0 outside of one."""
        return self.seed.round if isinstance(self.seed, CallSeed) else 0

    @property
    def stage(self) -> str:
        """The stage of the search that asks, empty outside of one."""
        return self.seed.stage if isinstance(self.seed, CallSeed) else ""

    @property
    def key(self) -> str:
        """What makes two calls the same call: a hash of messages, grammar or schema, seed and token limit."""
        grammar = self.schema.grammar if isinstance(self.schema, ReplySchema) else None
        seed = None if self.seed is None else int(self.seed)
        request = json.dumps([self.messages, grammar or self.schema, seed, self.max_tokens], sort_keys=True)
        return hashlib.sha256(request.encode()).hexdigest()[:16]


@dataclass(frozen=True)
class Completion:
    """One reply: its text, the tokens and the seconds it took, and what the provider said about it.

    usage: `prompt_tokens` (all that were sent) and `completion_tokens`; where the provider has a prompt cache also
    `cached_tokens` (read from it) and `cache_write_tokens` (written to it), both part of `prompt_tokens`. Empty if the
    provider did not say.
    dollars: None where nobody knows the price. finish: `stop`, `length` (max_tokens reached), `refusal`, …
    thoughts: what a thinking model wrote before its reply; kept in the transcript, never put into a prompt.
    """

    text: str
    usage: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    model: str = ""  # as the provider answered, which may be a dated version of what was asked for
    request_id: str = ""
    finish: str = ""
    dollars: float | None = None
    thoughts: str = ""

    @property
    def cut_off(self) -> bool:
        """Whether the token limit was reached before the reply began."""
        return self.finish == "length" and not self.text


@dataclass(frozen=True)
class Attempt:
    """One request that brought no reply."""

    error: str
    seconds: float
    status: int | None = None  # HTTP
    request_id: str = ""
    billed: bool = False  # the provider may have charged for it: it was sent, and nobody knows what became of it
    usage: dict[str, int] = field(default_factory=dict)  # where the provider said what it took all the same


class Watch(Protocol):
    """Told of every single request of an LLM that may need several for one reply; seen from the LLM's side."""

    def before(self, max_tokens: int) -> None:
        """A request that takes at most so many reply tokens is about to be sent. Raises LLMError if it must not be."""

    def failed(self, attempt: Attempt) -> None:
        """The request brought no reply."""


class LLM(ABC):
    """Anything that answers questions, and how it likes to be asked. A provider defines `name` and `answer`."""

    name: str
    notation: str = "names"  # spelling of operations in prompts, a key of SearchSpace.notations
    templates: str = "full"  # set of prompt templates, a key of seki_lib.prompts.TEMPLATES
    strategy: str = "free"  # how OS_i is answered, see SearchConfig.strategy
    settings: Mapping[str, Any] = NOTHING  # what else decides its replies; part of a run's config
    headroom: int = 0  # tokens above max_tokens that a reply may take for thoughts
    hosted: bool = True  # whether the provider itself answers, at its own prices, and not another endpoint
    tells: bool = False  # whether it tells `watch` of each request; else a call is taken to be one request
    watch: Watch | None = None
    recorded: Mapping[str, Any] | None = None  # config.json of the run that is replayed
    texts: Mapping[str, str] = NOTHING  # prompt templates that belong to it, by stage: a replay brings its run's

    def complete(
        self,
        question: Question | list[Message],
        *,
        schema: dict[str, Any] | None = None,
        seed: int | None = None,
        max_tokens: int = 512,
    ) -> Completion:
        """The reply to a question, or to these messages; see Question for schema, seed and max_tokens.

        The text holds the reply only: thoughts stand apart. Raises LLMError when no answer can be had, and when the
        token limit was reached before the answer began.
        """
        if not isinstance(question, Question):
            question = Question(question, schema, seed, max_tokens)
        completion = tidy(self.answer(question))
        if completion.cut_off:
            raise LLMError(
                f"{self.name}: the model thought through its whole allowance of {question.max_tokens + self.headroom} "
                f"tokens and answered nothing. Allow it more, such as SEKI_THINKING={2 * max(self.headroom, 2048)}, or "
                "switch its thinking off."
            )
        return completion

    @abstractmethod
    def answer(self, question: Question) -> Completion:
        """What the provider replied, as it came. Raises LLMError when no answer can be had."""

    def count_tokens(self, messages: list[Message]) -> int | None:
        """The prompt's length in this LLM's own tokens, None where nobody here can count them."""
        return None


def tidy(completion: Completion) -> Completion:
    """The same completion with thoughts split off its text, blanks as an empty reply, and text that a file can hold."""
    text, thoughts = split_thoughts(writable(completion.text).removeprefix("\ufeff"))
    return replace(
        completion,
        text=text if text.strip() else "",
        thoughts="\n".join(filter(None, (writable(completion.thoughts).strip(), thoughts))),
        model=writable(completion.model),
        request_id=writable(completion.request_id),
        finish=writable(completion.finish),
    )


def writable(text: str) -> str:
    """The same text, each lone surrogate replaced: no file can hold one."""
    return text.encode("utf-8", "replace").decode()
