"""The arms of notebook 21: searches that differ from SEKI's in one thing, and say which.

    seki search --arm scores_shuffled --seed 8           # one of those that ask an LLM
    for step in ARMS["scores_shuffled"].rounds(search):  # of a Search with this arm's space, prompts and settings

An arm is declared by what it changes: a setting, the templates, the words of the space, which answers are asked for, S
as the LLM may see it, or the order of rounds. Algorithm 1 itself (`algorithm.py`) stays what it is, and α0, budget,
parser and novelty rule are SEKI's. Arms with a `proposer` ask no LLM at all.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from ..files.errors import SettingError, look_up
from ..llm.base import LLM, UNWATCHED, Completion, Question, Watch
from ..prompts import Prompts
from ..spaces.base import SearchSpace
from ..spaces.nas201.presented import Presented
from . import views
from .algorithm import initial, run
from .replies import require_llm
from .repository import Record, Repository
from .schedules import hybrid, principles_first
from .state import Search, Step

OWN_TEMPLATES = Path(__file__).parents[1] / "prompts" / "arms"
NEUTRAL = {r"{{ task }}": "find the cell of the highest score", r"{{ metric }}": "score"}
TURNED = {
    "To raise the": "To lower the", "highest score": "lowest score", "Cells of high": "Cells of low",
    "hold f(α) back": "keep f(α) high", 'if metric != "accuracy"': 'if metric == "accuracy"',
}  # fmt: skip
ORDER = re.compile(r", best (first|last),")
SCORE = re.compile(r'{{ "%\.2f"\|format\((.+?)\) }}')  # where a template prints a score

Schedule = Callable[[Search], Iterator[Step]]
Texts = Callable[[str], str]  # a template -> the template of an arm


def without_scores(text: str) -> str:
    """A question mark where the template prints a score, and no word on the order of what it lists."""
    return ORDER.sub(",", SCORE.sub("?", text))


def nameless(text: str) -> str:
    """No name of a benchmark or of a data set: the task is to find the highest score."""
    text = re.sub(r"{{ metric\[0\]\|upper }}{{ metric\[1:\] }}", "Score", text)
    for variable, words in NEUTRAL.items():
        text = text.replace(variable, words)
    return text


def lower_is_better(text: str) -> str:
    """Every score with a minus sign, as a loss: the direction is turned around in words and numbers."""
    text = SCORE.sub(lambda found: f'{{{{ "%.2f"|format(-({found[1]})) }}}}', nameless(text))
    for before, after in TURNED.items():
        text = text.replace(before, after)
    return text


@dataclass(frozen=True)
class Arm:
    """What one arm changes. What is left out is SEKI's.

    settings: rounds -> fields of SearchConfig. texts: changes each template; templates of the arm's own lie in
    `prompts/arms/<name>/`. presented: how the space is spelled. muted: stages whose question is not asked; the reply is
    empty. seen: S as the LLM may see it in a round. schedule: which rounds there are. llm: who answers in the LLM's
    place. proposer: a key of `baselines.BASELINES` in place of a search, or `frequencies`, which needs an LLM's shares;
    novel: that repeats no class.
    """

    says: str
    settings: Callable[[int], Mapping[str, Any]] = lambda rounds: {}
    texts: Texts | None = None
    templates: str = ""
    presented: Mapping[str, bool] | None = None
    muted: tuple[str, ...] = ()
    seen: Callable[[Search, int], Sequence[Record]] | None = None
    schedule: Schedule = run
    llm: str = ""
    proposer: str = ""
    novel: bool = False

    @property
    def asks(self) -> bool:
        """Whether the LLM is asked: the other arms cost nothing and are run for many seeds."""
        return not self.llm and not self.proposer

    def prompts(self, prompts: Prompts, templates: str) -> Prompts:
        """The templates of the arm. templates: the set that the LLM likes.

        Raises SettingError for a set that an arm with templates of its own has none for.
        """
        folder = OWN_TEMPLATES / self.templates / templates
        if self.templates and not folder.is_dir():
            there = ", ".join(sorted(path.name for path in folder.parent.iterdir() if path.is_dir()))
            raise SettingError(
                f"this arm asks by templates of its own, in the sets {there}, and this LLM is asked by `{templates}`. "
                f"Next: another LLM, or templates in seki_lib/prompts/arms/{self.templates}/{templates}."
            )
        own = {path.name.split(".")[0]: path.read_text(encoding="utf-8") for path in sorted(folder.glob("*.md.j2"))}
        texts = prompts.texts | (own if self.templates else {})
        return Prompts({stage: self.texts(text) if self.texts else text for stage, text in texts.items()})

    def space(self, space: SearchSpace[Any], seed: int) -> SearchSpace[Any]:
        """The space as the arm spells it. Raises SettingError for one that has no other spelling."""
        if self.presented is None:
            return space
        if space.name != "nas201":
            raise SettingError(f"this arm spells NAS-Bench-201 in other words, and not {space.name}")
        return Presented(Random(f"presented/{seed}"), **self.presented)

    def rounds(self, search: Search) -> Iterator[Step]:
        """All rounds that the repository does not hold yet. search: with this arm's space, prompts and settings."""
        search = replace(search, llm=Muted(search.llm, self.muted)) if self.muted else search
        if self.seen is None:
            yield from self.schedule(search)
            return
        require_llm(search)
        yield from initial(search)
        for i in range(len(search.repository.records), search.config.rounds + 1):
            shown = replace(search, repository=Seen(search.repository, self.seen(search, i)))
            step = next(self.schedule(shown))  # the schedule's own round i, of a search that it believes to see
            search.repository.append(step.record)
            yield replace(step, best=search.repository.best().score)
            require_llm(search, step.exchanges[-1].reply if step.exchanges else None)


class Seen(Repository):
    """S as an arm shows it for one round. What is known stays known, whatever is shown."""

    def __init__(self, true: Repository, records: Sequence[Record]):
        super().__init__(records=records)
        self._first = true._first | self._first


class Muted(LLM):
    """An LLM that is not asked at some stages."""

    def __init__(self, llm: LLM, stages: Sequence[str]):
        self.name, self.settings, self.hosted = llm.name, llm.settings, llm.hosted
        self.notation, self.templates, self.strategy = llm.notation, llm.templates, llm.strategy
        self._llm, self._stages = llm, stages

    def answer(self, question: Question) -> Completion:
        """As its LLM answers."""
        return self._llm.answer(question)

    def ask(self, question: Question, watch: Watch = UNWATCHED) -> Completion:
        """The LLM's reply, or an empty one that nobody was asked for."""
        return Completion("") if question.stage in self._stages else self._llm.ask(question, watch)


def all_shown(rounds: int) -> dict[str, Any]:
    """Inspiration from the first round on, by all cells."""
    return {"lam": 0, "k": rounds + 1, "xi": rounds + 1}


ARMS: dict[str, Arm] = {
    "seki": Arm("Algorithm 1 as the paper has it"),
    "scores_withheld": Arm(
        "the LLM sees cells without their scores and in random order; which cells it sees is SEKI's choice",
        texts=without_scores, seen=views.shuffled,
    ),
    "scores_shuffled": Arm(
        "the scores trade places among the cells that the LLM sees; which cells it sees is SEKI's choice",
        seen=views.shuffled,
    ),
    "no_critique": Arm("no prompt C: prompt D alone, without a strategy", templates="no_critique", muted=("critique",)),
    "self_evolution_only": Arm("λ = n: no inspiration", lambda rounds: {"lam": rounds}),
    "inspiration_only": Arm("λ = 0: no self-evolution", lambda rounds: {"lam": 0}),
    "iid": Arm(
        "every cell is a fresh sample: the prompt shows no cell and no score", lambda rounds: {"lam": 0},
        texts=without_scores, templates="iid",
    ),
    "sequential": Arm(
        "the prompt shows every cell so far in the order of proposal, without scores", all_shown,
        texts=without_scores, templates="sequential", seen=views.earliest_first,
    ),
    "alpha0_only": Arm(
        "every round criticises and refines α0", lambda rounds: {"lam": rounds}, seen=views.alpha0_again
    ),
    "hybrid_10": Arm("local search; the LLM chooses the neighbour in 10 % of the steps", schedule=hybrid(0.1)),
    "hybrid_30": Arm("local search; the LLM chooses the neighbour in 30 % of the steps", schedule=hybrid(0.3)),
    "hybrid_100": Arm("local search; the LLM chooses the neighbour in every step", schedule=hybrid(1.0)),
    "whole_history": Arm(
        "a rival in our own words, after GENIUS: one question with all cells and scores", all_shown,
        templates="whole_history",
    ),
    "principles_first": Arm(
        "a rival in our own words, after LAPT: first principles from the best cells, then a cell by these principles",
        templates="principles_first", schedule=principles_first,
    ),
    "null": Arm("chance in the LLM's place, which copies parts of the cells that it is shown", llm="chance:null"),
    "edges_of_top": Arm(
        "each edge is that of a random one of the k best cells", lambda rounds: {"lam": 0}, llm="chance:edges"
    ),
    "random": Arm("chance in the LLM's place: every cell alike, and any single change", llm="chance:random"),
    "frequencies": Arm(
        "each edge by itself, drawn as often as the LLM's replies put each operation there", proposer="frequencies"
    ),
    "random_search": Arm("random search", proposer="random_search"),
    "random_search_novel": Arm("random search that repeats no class", proposer="random_search", novel=True),
    "regularized_evolution": Arm("regularized evolution", proposer="regularized_evolution"),
    "regularized_evolution_novel": Arm(
        "regularized evolution that repeats no class", proposer="regularized_evolution", novel=True
    ),
    "local_search": Arm("local search", proposer="local_search"),
    "local_search_novel": Arm("local search that repeats no class", proposer="local_search", novel=True),
    "names": Arm("ladder a: full names, and the task by its name", presented={}),
    "symbols": Arm(
        "ladder b: letters for operations, no name of benchmark or data", texts=nameless, presented={"symbols": True}
    ),
    "permuted": Arm(
        "ladder c: the names trade places, no name of benchmark or data", lambda rounds: {"permute_words": True},
        texts=nameless, presented={"meanings": False},
    ),
    "relabelled": Arm("ladder d: full names, and the edges trade places", presented={"edges": True}),
    "symbols_shuffled": Arm(
        "ladder e: letters, and the scores trade places", texts=nameless, presented={"symbols": True},
        seen=views.shuffled,
    ),
    "symbols_lower": Arm(
        "ladder f: letters, and lower is better: scores carry a minus sign", texts=lower_is_better,
        presented={"symbols": True},
    ),
}  # fmt: skip
"""Every arm by its name; `seki search --arm NAME` runs one that asks an LLM."""

LADDER = {
    "a": "names",
    "b": "symbols",
    "c": "permuted",
    "d": "relabelled",
    "e": "symbols_shuffled",
    "f": "symbols_lower",
}
"""Rungs a to f of the memory ladder; g to i are no arms (`memory.py`, and the evaluator `analog`)."""


def get_arm(name: str) -> Arm:
    """An arm by its name, SEKI itself for an empty one. Raises UnknownName, which lists the names."""
    return look_up("arm", ARMS, name or "seki")
