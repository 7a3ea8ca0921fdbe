"""What goes to an LLM and what comes back: a Question, and the Completion that answers it."""

import hashlib
import json
from dataclasses import dataclass, field, replace
from typing import Any

from ..spaces.base import ReplySchema
from ..spaces.thoughts import split_thoughts

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
    """One call, complete: what is asked, in which form the reply is wanted, and how long it may be.

    schema: JSON Schema that the reply shall follow; a ReplySchema also carries the grammar that llama.cpp takes.
    seed: the same seed and messages give the same reply where the provider can promise that.
    max_tokens: longest reply, thoughts aside.
    shown: the known cells that the messages show, as they are spelled there. A model reads
    them in the messages; searches by chance take them from here.
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
