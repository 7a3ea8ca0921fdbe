"""Who answers. An LLM takes messages and returns a Completion; it knows nothing of spaces or searches."""

import hashlib
from dataclasses import dataclass, field
from typing import Any, Protocol

Message = dict[str, str]  # {"role": "system" | "user" | "assistant", "content": text}


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


@dataclass(frozen=True)
class Question:
    """What an LLM is asked: messages, the schema that the reply shall follow, the call's seed, the longest reply."""

    messages: list[Message]
    schema: Any = None
    seed: CallSeed | None = None
    max_tokens: int = 512

    @property
    def round(self) -> int:
        return self.seed.round if self.seed else 0

    @property
    def stage(self) -> str:
        return self.seed.stage if self.seed else ""


@dataclass(frozen=True)
class Completion:
    """One reply: its text, the tokens and the seconds it took, and what the provider said about it.

    usage: `prompt_tokens` (all that were sent) and `completion_tokens`; where the provider has a prompt cache also
    `cached_tokens` (read from it) and `cache_write_tokens` (written to it), both part of `prompt_tokens`.
    dollars: None where nobody knows the price. finish: `stop`, `length` (max_tokens reached), `refusal`, …
    """

    text: str
    usage: dict[str, int] = field(default_factory=dict)
    seconds: float = 0.0
    model: str = ""  # as the provider answered, which may be a dated version of what was asked for
    request_id: str = ""
    finish: str = ""
    dollars: float | None = None


@dataclass(frozen=True)
class Attempt:
    """One request that brought no reply."""

    error: str
    seconds: float
    status: int | None = None  # HTTP
    request_id: str = ""
    billed: bool = (
        False  # whether the provider may have charged for it: it was sent, and nobody knows what became of it
    )


class Watch(Protocol):
    """Told of every single request of an LLM that may need several for one reply; seen from the LLM's side."""

    def before(self) -> None:
        """A request is about to be sent. Raises LLMError if it must not be: the budget is spent."""

    def failed(self, attempt: Attempt) -> None:
        """The request brought no reply."""


class LLM(Protocol):
    """Anything that completes a conversation, and how it likes to be asked.

    One that sends several requests for one reply has an attribute `watch: Watch | None` and tells it of each.
    """

    name: str
    notation: str  # spelling of operations in prompts, a key of SearchSpace.notations
    templates: str  # set of prompt templates, a key of seki_lib.prompts.TEMPLATES
    strategy: str  # how OS_i is answered, see SearchConfig.strategy
    settings: dict[str, Any]  # what else decides its replies; part of a run's config

    def complete(
        self,
        messages: list[Message],
        *,
        schema: dict[str, Any] | None = None,
        seed: int | None = None,
        max_tokens: int = 512,
    ) -> Completion:
        """The reply to these messages.

        schema: JSON Schema that the reply shall follow; a ReplySchema also carries the grammar that llama.cpp takes.
        seed: the same seed and messages give the same reply where the provider can promise that.
        Raises LLMError when no answer can be had.
        """
