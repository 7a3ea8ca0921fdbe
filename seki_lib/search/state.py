"""What a search is made of, and what one round of it leaves behind."""

from dataclasses import dataclass, field
from random import Random
from typing import Any

from ..evaluators.base import Evaluator
from ..llm.base import LLM, CallSeed, Completion, Message
from ..prompts import Prompts
from ..spaces.base import Notation, SearchSpace
from .config import SearchConfig
from .repository import Record, Repository

NOTHING = Completion("")


@dataclass
class Search:
    """The parts of one search. Everything that a question depends on is in here."""

    space: SearchSpace[Any]
    evaluator: Evaluator
    llm: LLM
    prompts: Prompts
    repository: Repository
    config: SearchConfig
    allow_fallbacks: bool = False  # whether a search that the LLM does not lead may go on
    notation: Notation = field(init=False)
    _edits: tuple[Any, dict[str, Any]] = field(init=False, default=(None, {}))

    def __post_init__(self) -> None:
        self.notation = self.space.notation(self.config.notation)
        if self.config.permute_words:
            self.notation = self.notation.permuted(self.random(0, "words"))

    def random(self, round: int, stage: str) -> Random:
        """The random numbers of one place in the search: they never depend on what ran before."""
        return Random(self.seed(round, stage))

    def seed(self, round: int, stage: str, attempt: int = 0) -> CallSeed:
        """The seed of one call to the LLM."""
        return CallSeed(self.config.seed, round, stage, attempt)

    def is_known(self, arch: Any) -> bool:
        """Whether a cell of this class was evaluated."""
        return self.space.format(self.space.canonical(arch)) in self.repository

    def new_edits(self, arch: Any) -> dict[str, Any]:
        """The single changes of a cell that the novelty rule allows, by their words; all of them if none is left."""
        asked = arch, len(self.repository.records)  # a round asks up to three times
        if self._edits[0] != asked:
            edits = self.space.edits(arch, self.notation)
            new = {text: cell for text, cell in edits.items() if not self.is_known(cell)}
            self._edits = asked, new if self.config.novelty and new else edits
        return self._edits[1]


def initial_architecture(space: SearchSpace[Any], alpha0: str, seed: int) -> Any:
    """α0: drawn from the seed, a named cell such as all-3x3, or the given text. Every compared method starts here."""
    if alpha0 == "random":
        return space.random(Random(CallSeed(seed, 0, "alpha0", 0)))
    return space.starts[alpha0] if alpha0 in space.starts else space.parse(alpha0)


@dataclass(frozen=True)
class Exchange:
    """One question to the LLM and its reply."""

    stage: str
    messages: list[Message]
    reply: str
    completion: Completion = NOTHING  # the reply with what it took


@dataclass(frozen=True)
class Step:
    """One round: what was asked and answered, and the record that came of it."""

    record: Record
    exchanges: list[Exchange]
    best: float  # highest score so far

    def __str__(self) -> str:
        r = self.record
        scores = f"score {r.score:6.2f}  best {self.best:6.2f}"
        return f"round {r.round:2d}  {r.stage:21s}  {r.how:9s}  {scores}  {r.architecture}{self.cost}"

    @property
    def tokens(self) -> int:
        """Prompt and reply tokens of the round."""
        usages = [exchange.completion.usage for exchange in self.exchanges]
        return sum(usage.get("prompt_tokens", 0) + usage.get("completion_tokens", 0) for usage in usages)

    @property
    def dollars(self) -> float | None:
        """What the round cost; None if the price of a call is not known."""
        paid = [exchange.completion.dollars for exchange in self.exchanges]
        return None if None in paid else sum(d for d in paid if d is not None)

    @property
    def cost(self) -> str:
        """Tokens and dollars for the round's line, as far as there are any."""
        tokens = f"  {self.tokens} tokens" if self.tokens else ""
        return tokens + (f"  ${self.dollars:.4f}" if self.dollars else "")
