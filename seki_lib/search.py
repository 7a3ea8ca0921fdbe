"""Algorithm 1 of the paper: self-evolution, then knowledge inspiration.

    search = Search(space, evaluator, llm, prompts, Repository(), SearchConfig(seed=0))
    for step in run(search):
        print(step)

Each stage is a generator that yields one Step a round, so that a notebook can walk it. A stage starts where the
repository ends: a search that was stopped goes on, and a copied history forks.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from random import Random
from typing import Any

from .errors import InvalidArchitecture, SettingError
from .evaluators.base import Evaluator
from .llm.base import LLM, CallSeed, Completion, Message
from .prompts import Example, Prompts
from .repository import Record, Repository
from .spaces.base import Notation, ReplySchema, SearchSpace

NOTHING = Completion("")
LONGEST_QUOTE = 4000  # characters of an unreadable reply that are shown to the LLM again


@dataclass(frozen=True)
class SearchConfig:
    """What decides a search besides space, task, LLM and prompts. Paper symbol and section beside each."""

    rounds: int = 50  # n = λ + γ (§5.1.1); with α0 that is n + 1 evaluations
    lam: int = 35  # λ, rounds of self-evolution (§5.3.1): rounds 1..λ, then inspiration (docs/fidelity.md)
    k: int = 16  # best cells kept in sight (§5.3.2)
    xi: int = 8  # ξ, cells shown to the LLM a round (§5.3.2)
    seed: int = 0
    alpha0: str = "random"  # "random": drawn from the seed; or the canonical text of a cell (the paper gives none)
    notation: str = "names"  # how prompts spell operations
    permute_words: bool = False  # control: shuffle what the words mean, by the seed
    strategy: str = "free"  # OS_i in free words, or "edit": one single change, chosen by constrained decoding
    novelty: bool = True  # a cell of a class seen before is asked for again (the paper does not say)
    repairs: int = 2  # times an unreadable reply is asked for again, with the error
    samples: int = 1  # samples until a new cell, before the LLM picks a single change
    critique_tokens: int = 400  # longest OS_i
    reply_tokens: int = 400  # longest architecture reply; a DARTS genotype in the field's names takes 340

    def __post_init__(self) -> None:
        if not 1 <= self.xi <= self.k:
            raise SettingError(f"xi must lie between 1 and k = {self.k}, not {self.xi}")
        if not 0 <= self.lam <= self.rounds:
            raise SettingError(f"lam must lie between 0 and rounds = {self.rounds}, not {self.lam}")
        if self.strategy not in ("free", "edit"):
            raise SettingError(f"strategy must be 'free' or 'edit', not {self.strategy!r}")
        if self.repairs < 0 or self.samples < 1:
            raise SettingError("repairs must be at least 0 and samples at least 1")


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


@dataclass
class Search:
    """What a search is made of."""

    space: SearchSpace[Any]
    evaluator: Evaluator
    llm: LLM
    prompts: Prompts
    repository: Repository
    config: SearchConfig
    notation: Notation = field(init=False)

    def __post_init__(self) -> None:
        self.notation = self.space.notation(self.config.notation)
        if self.config.permute_words:
            self.notation = self.notation.permuted(draws(self.config, 0, "words"))

    @property
    def subject(self) -> dict[str, Any]:
        """T, its metric and Ω: what every prompt is about."""
        metric = getattr(self.evaluator, "called", "accuracy")
        return {"task": self.evaluator.task, "metric": metric, "space": self.space.describe(self.notation)}


def draws(config: SearchConfig, round: int, stage: str) -> Random:
    """The random numbers of one place in the run."""
    return Random(CallSeed(config.seed, round, stage, 0))


def run(search: Search) -> Iterator[Step]:
    """All rounds of Algorithm 1 that the repository does not hold yet. `search.repository.best()` is the answer."""
    yield from initial(search)
    yield from self_evolution(search)
    yield from knowledge_inspiration(search)


def initial_architecture(space: SearchSpace[Any], alpha0: str, seed: int) -> Any:
    """α0: the given text, or drawn from the seed. Every method compared starts here."""
    return space.random(Random(CallSeed(seed, 0, "alpha0", 0))) if alpha0 == "random" else space.parse(alpha0)


def initial(search: Search) -> Iterator[Step]:
    """Line 1: α0 and its score enter S."""
    if not search.repository.records:
        alpha0 = initial_architecture(search.space, search.config.alpha0, search.config.seed)
        yield _evaluate(search, 0, "alpha0", alpha0, "alpha0", [])


def self_evolution(search: Search) -> Iterator[Step]:
    """Lines 3-9: λ rounds of critique and refinement, each going on from α(i-1), not from the best."""
    space, prompts, config = search.space, search.prompts, search.config
    for i in range(len(search.repository.records), config.lam + 1):
        previous = search.repository.records[i - 1]
        parent = space.parse(previous.architecture)
        shown = space.show(parent, search.notation)
        edits = list(_unseen_edits(search, parent))
        common = {**search.subject, "architecture": shown, "score": previous.score}
        critique = prompts.critique(**common, edits=edits)  # Eq. 1
        choice = ReplySchema.one_of(edits) if config.strategy == "edit" else None
        seed = CallSeed(config.seed, i, "critique", 0)
        answer = search.llm.complete(critique, schema=choice, seed=seed, max_tokens=config.critique_tokens)
        strategy = answer.text  # Eq. 2
        refine = prompts.refine(**common, strategy=strategy)  # Eq. 3
        child, how, asked = ask_architecture(search, refine, i, "refine", parent)  # Eq. 4
        asked.insert(0, Exchange("critique", critique, strategy, answer))
        yield _evaluate(search, i, "self_evolution", child, how, asked)


def knowledge_inspiration(search: Search) -> Iterator[Step]:
    """Lines 10-15: γ rounds that draw a new cell from the pattern of ξ of the k best."""
    space, config = search.space, search.config
    for i in range(max(len(search.repository.records), config.lam + 1), config.rounds + 1):
        top = search.repository.top(config.k)
        chosen = sorted(draws(config, i, "examples").sample(range(len(top)), min(config.xi, len(top))))
        examples = [
            Example(space.show(space.parse(top[j].architecture), search.notation), top[j].score) for j in chosen
        ]
        inspire = search.prompts.inspire(**search.subject, examples=examples)
        best = space.parse(top[0].architecture)
        child, how, asked = ask_architecture(search, inspire, i, "inspire", best)  # line 12
        yield _evaluate(search, i, "knowledge_inspiration", child, how, asked)


def ask_architecture(
    search: Search, prompt: list[Message], round: int, stage: str, parent: Any
) -> tuple[Any, str, list[Exchange]]:
    """The LLM's new architecture, by the ladder of docs/fidelity.md; also how it came about and what was asked.

    Constrained decoding, then parse; an unreadable reply is asked for again with the error, at most `repairs` times;
    a cell of a class seen before is sampled anew, at most `samples` times, then shown by the critique prompt (Eq. 1)
    and the LLM picks one single change of it under a grammar. Only if all that fails: a random neighbour of the
    parent, recorded as `fallback`.
    """
    space, prompts, config = search.space, search.prompts, search.config
    exchanges: list[Exchange] = []
    schema = space.reply_schema(search.notation)
    repairs, samples, attempt, messages, seen = 0, 0, 0, prompt, None
    while repairs <= config.repairs and samples < config.samples:
        seed = CallSeed(config.seed, round, stage, attempt)
        answer = search.llm.complete(messages, schema=schema, seed=seed, max_tokens=config.reply_tokens)
        reply = answer.text
        exchanges.append(Exchange(stage, messages, reply, answer))
        attempt += 1
        try:
            child = space.read(reply, search.notation)
        except InvalidArchitecture as error:
            repairs += 1
            shown = reply[-LONGEST_QUOTE:] or "(nothing)"
            messages = [*prompt, {"role": "assistant", "content": shown}, {"role": "user", "content": f"{error}."}]
            continue
        if not _is_seen(search, child):
            return child, "llm" if attempt == 1 else "repaired", exchanges
        if not config.novelty:
            return child, "duplicate", exchanges
        samples, messages, seen = samples + 1, prompt, child
    edits = _unseen_edits(search, seen or parent)
    if seen:
        known = search.repository.find(space.format(space.canonical(seen)))
        shown = space.show(seen, search.notation)
        question = prompts.critique(**search.subject, architecture=shown, score=known.score, edits=list(edits))
        seed = CallSeed(config.seed, round, "edit", 0)
        choice = ReplySchema.one_of(list(edits))
        answer = search.llm.complete(question, schema=choice, seed=seed, max_tokens=config.reply_tokens)
        exchanges.append(Exchange("edit", question, answer.text, answer))
        if child := edits.get(answer.text.strip()):
            return child, "duplicate" if _is_seen(search, child) else "repaired", exchanges
    return draws(config, round, "fallback").choice(list(edits.values())), "fallback", exchanges


def _unseen_edits(search: Search, arch: Any) -> dict[str, Any]:
    """The single changes of a cell that the novelty rule allows; all of them where none is left."""
    edits = search.space.edits(arch, search.notation)
    new = {text: cell for text, cell in edits.items() if not _is_seen(search, cell)}
    return new if search.config.novelty and new else edits


def _is_seen(search: Search, arch: Any) -> bool:
    return search.space.format(search.space.canonical(arch)) in search.repository


def _evaluate(search: Search, i: int, stage: str, arch: Any, how: str, exchanges: list[Exchange]) -> Step:
    """Lines 7-8 and 13-14: score the cell and store both in S."""
    evaluation, space = search.evaluator(arch), search.space
    canonical = space.format(space.canonical(arch))
    record = Record(
        i, stage, space.format(arch), canonical, evaluation.score, evaluation.metrics, how, evaluation.seconds
    )
    search.repository.append(record)
    return Step(record, exchanges, search.repository.best().score)
