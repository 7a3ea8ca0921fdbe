"""What an LLM says in words, beside what it then does: its critiques (Eq. 2) and the patterns that it sees (§4.2).

search = talkative(run, results)    # whose words a notebook shows
critiques(search)                   # a row a round of self-evolution
patterns(search)                    # a row a round of knowledge inspiration
quality(searches, evaluator)        # a row an LLM: are the changes that it names better than average?
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from ..evaluators.base import Evaluator
from ..files.errors import InvalidArchitecture
from ..llm.gguf import GGUFS
from ..results import KEPT, Home, RunSpec, SearchResult, by_llm, is_finished
from ..search.repository import Repository, read_history
from ..spaces import get_space
from ..spaces.base import ReplySchema, SearchSpace
from ..spaces.six_edges import SixEdgeCell
from .how import STAGES
from .statistics import mean
from .unfolded import Round, Unfolded

NAMED = "named change, above the average new one"
SAFE = "a change that removes nothing, above the average new one"
CONVOLUTION = "a change that adds a convolution, above the average new one"
ANSWERS = {True: "yes", False: "no", None: "–"}
NAMES_ONLY = "edit"  # the strategy by which a small model names a change and says nothing else


def talkative(run: RunSpec, results: Path) -> Unfolded:
    """The search whose words a notebook shows: this run, if it is finished and writes critiques; else a kept one.

    Among the kept ones we take the largest local model, and its first seed.
    """
    home = Home(results, run.profile)
    own = Unfolded(run.folder(results), home.folder)
    if is_finished(own.folder) and own.config["search"]["strategy"] != NAMES_ONLY:
        return own
    kept = [
        one for one in KEPT.finished_searches("nas201", "cifar10") if one.config["search"]["strategy"] != NAMES_ONLY
    ]
    largest = max(kept, key=_size, default=None)
    return Unfolded(largest.folder, KEPT.folder) if largest else own


def _size(search: SearchResult) -> tuple[int, int]:
    model = search.llm.partition(":")[2].partition(",")[0]
    return GGUFS[model].size if model in GGUFS else 0, -search.seed


def critiques(search: Unfolded, rounds: int | None = None) -> pd.DataFrame:
    """What was criticised and what came of it. rounds: the first ones; all if None.

    followed: whether the first reply to prompt D has the change that the critique names; None where it names none, or
    where the reply could not be read.
    """
    rows = []
    for found in islice(_of_stage(search, "self_evolution"), rounds):
        said, replies = _first(found, "critique"), _first(found, "refine")
        parent = get_space(search.config["run"]["space"]).parse(found.parent)
        rows.append((found.number, said, replies, _followed(search, parent, said, replies), found.how, found.score,
                     found.change))  # fmt: skip
    columns = ["round", "critique", "reply to prompt D", "followed", "how", "score", "change of f"]
    return pd.DataFrame(rows, columns=columns)


def patterns(search: Unfolded, rounds: int | None = None) -> pd.DataFrame:
    """What the LLM said and drew in knowledge inspiration. rounds: the first ones; all if None."""
    found = islice(_of_stage(search, "knowledge_inspiration"), rounds)
    rows = [(one.number, _first(one, "inspire"), one.how, one.score, one.score > one.best) for one in found]
    return pd.DataFrame(rows, columns=["round", "reply to prompt E", "how", "score", "best so far"])


def quality(searches: Sequence[SearchResult], evaluator: Evaluator) -> pd.DataFrame:
    """Are the changes that critiques name better than the average one? NAS-Bench-201 knows all of them. A row an LLM.

    NAMED: the score after the named change minus the mean over all single changes of the same cell that lead to a new
    class, in points; zero by chance, since the search offers no other. SAFE: the same for an average one of them that
    removes no operation, and CONVOLUTION for one that adds a convolution: so much two blind rules gain, which
    look at no cell. Means with 95 % bootstrap intervals over searches, of four or more.
    """
    rows = []
    for llm, found in by_llm(searches).items():
        gains = [_gains(search, evaluator) for search in found]
        kept = [gain for gain in gains if len(gain)]
        if kept:
            means = (mean([float(np.nanmean(gain[:, column])) for gain in kept]) for column in range(3))
            rows.append((llm, len(kept), sum(map(len, kept)), *(each.text(sign=True) for each in means)))
    return pd.DataFrame(rows, columns=["llm", "searches", "critiques", NAMED, SAFE, CONVOLUTION]).set_index("llm")


def _gains(search: SearchResult, evaluator: Evaluator) -> np.ndarray:
    """(critiques, 3) of those that name one new cell: what NAMED, SAFE and CONVOLUTION are the means of."""
    space, gains = get_space("nas201"), []
    notation, history = (
        space.notation(search.config["search"]["notation"]),
        read_history(search.folder / "history.jsonl"),
    )
    for found in _of_stage(Unfolded(search.folder, search.folder), "self_evolution"):
        parent = space.parse(found.parent)
        edits = space.edits(parent, notation)
        wanted = named_change(_first(found, "critique"), edits)
        known = Repository(records=history[: found.number])
        new = [cell for cell in edits.values() if space.format(space.canonical(cell)) not in known]
        if wanted in new:
            scores = {cell: evaluator(cell).score for cell in new}
            safe = [scores[cell] for cell in new if cell.edges.count("none") <= parent.edges.count("none")]
            more = [scores[cell] for cell in new if convolutions(cell) > convolutions(parent)]
            rules = [np.mean(rule) if rule else np.nan for rule in (safe, more)]
            gains.append(np.array([scores[wanted], *rules]) - np.mean([*scores.values()]))
    return np.array(gains).reshape(-1, 3)


def convolutions(cell: SixEdgeCell) -> int:
    """How many edges hold one."""
    return sum("conv" in operation for operation in cell.edges)


def as_page(frame: pd.DataFrame) -> Any:
    """A frame of texts for a notebook: lines as they were said, scores with two digits, yes and no."""
    shown: dict[str, Any] = dict.fromkeys(map(str, frame.select_dtypes("float")), "{:.2f}")
    shown |= {"change of f": "{:+.2f}", "followed": ANSWERS.get, "best so far": ANSWERS.get}
    left: list[tuple[str, str | float]] = [("text-align", "left"), ("vertical-align", "top")]
    style = frame.style.format({name: how for name, how in shown.items() if name in frame}).hide(axis="index")
    style = style.set_properties(**{"white-space": "pre-wrap"})  # type: ignore[arg-type]
    return style.set_table_styles([{"selector": "th, td", "props": left}])


def _of_stage(search: Unfolded, stage: str) -> Iterator[Round]:
    return (found for found in search.rounds() if found.stage == STAGES[stage])


def _first(found: Round, stage: str) -> str:
    """The first reply of a stage, or an empty text."""
    return next((str(call["reply"]) for call in found.calls if call["stage"] == stage and "reply" in call), "")


def _followed(search: Unfolded, parent: Any, critique: str, reply: str) -> bool | None:
    """Whether a reply carries out its critique, or None."""
    space, settings = get_space(search.config["run"]["space"]), search.config["search"]
    if not isinstance(parent, SixEdgeCell):
        return None
    try:
        arch = read_reply(space, settings, parent, "refine", reply)
    except InvalidArchitecture:
        return None
    wanted = named_change(critique, space.edits(parent, settings["notation"]))
    return None if wanted is None else carries_out(arch, parent, wanted)


def read_reply(space: SearchSpace[Any], settings: Mapping[str, Any], parent: Any, stage: str, reply: str) -> Any:
    """The architecture of a reply, as the search read it.

    settings: `search` of the search's config; parent: the cell of the round before. Raises InvalidArchitecture.
    """
    if stage == "refine" and settings.get("strategy") == "reasoned":
        return space.changed(parent, reply, settings["notation"])
    return space.read(reply, settings["notation"])


def named_change(strategy: str, edits: Mapping[str, Any]) -> Any:
    """The cell that a strategy's change leads to, or None where it names no single change."""
    change = ReplySchema.one_of(list(edits))
    change.called = "Change"
    return edits.get(change.choice(strategy) or "")


def carries_out(arch: SixEdgeCell, parent: SixEdgeCell, wanted: SixEdgeCell) -> bool:
    """Whether a cell has the one operation in which the wanted one differs from its parent."""
    edges = zip(arch.edges, parent.edges, wanted.edges, strict=True)
    return all(mine == new for mine, old, new in edges if old != new)
