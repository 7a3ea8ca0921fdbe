"""Compare what an LLM draws in knowledge inspiration (§4.2) with what chance draws from the cells in the same prompt.

On NAS-Bench-201 all cells are known, so the chances are exact. A mixture draws each edge independently, and its mean is
a sum over the whole space.
"""

from collections.abc import Iterator, Mapping, Sequence
from itertools import product
from typing import Any

import numpy as np
import pandas as pd

from ..evaluators.base import Evaluator
from ..files.errors import InvalidArchitecture
from ..results import SearchResult, by_llm
from ..search.repository import read_history
from ..spaces import get_space
from ..spaces.six_edges import SixEdgeCell
from .critiques import read_reply
from .statistics import mean
from .unfolded import Unfolded

LEAN = 2 / 3  # of the second mixture: each edge is that of the best cell shown with this chance, else of any shown
AGAINST = {
    "mixed": "proposal, above a mixture of the cells shown",
    "leaning": "above a mixture that leans to the best one",
    "changed": "above any change of the best one",
}
BETTER = {"better": "better than all before (%)", "better_mixed": "of the leaning mixtures (%)"}


def proposals(searches: Sequence[SearchResult], evaluator: Evaluator) -> pd.DataFrame:
    """Are the cells that an LLM draws from a pattern better than mixtures of the same cells? A row an LLM.

    Differences are in points of validation accuracy, means with 95 % bootstrap intervals over searches, of four or
    more. A mixture takes each edge from a random cell shown; the leaning one takes it from the best cell shown in LEAN
    of the cases. First replies count, even if their cell was known.
    """
    scores, rows = _all_scores(evaluator), []
    for llm, found in by_llm(searches).items():
        read = [pd.DataFrame(list(_drawn(search, scores))) for search in found]
        read = [frame for frame in read if len(frame)]
        if read:
            texts = [mean([float(frame[name].mean()) for frame in read]).text(sign=True) for name in AGAINST]
            shares = [f"{100 * pd.concat(read)[name].mean():.0f}" for name in BETTER]
            rows.append((llm, len(read), sum(map(len, read)), *texts, *shares))
    return pd.DataFrame(rows, columns=["llm", "searches", "proposals", *AGAINST.values(), *BETTER.values()]).set_index(
        "llm"
    )


def _all_scores(evaluator: Evaluator) -> np.ndarray:
    """(5, 5, 5, 5, 5, 5) scores, an axis an edge."""
    space = get_space("nas201")
    cells = product(space.operations, repeat=6)
    return np.array([evaluator(space.architecture(edges)).score for edges in cells]).reshape((5,) * 6)


def _drawn(search: SearchResult, scores: np.ndarray) -> Iterator[Mapping[str, float]]:
    """What each first reply to prompt E gave, against chance."""
    space, settings = get_space("nas201"), search.config["search"]
    records, unfolded = read_history(search.folder / "history.jsonl"), Unfolded(search.folder, search.folder)
    for one in unfolded.rounds():
        call = next((call for call in one.calls if call["stage"] == "inspire" and "reply" in call), None)
        if call is None:
            continue
        try:
            proposed = read_reply(space, settings, None, "inspire", call["reply"])
        except InvalidArchitecture:
            continue
        prompt = "\n".join(message["content"] for message in call["messages"])
        before = {record.architecture: record.score for record in records[: one.number]}
        shown = {
            text: score
            for text, score in before.items()
            if space.show(space.parse(text), settings["notation"]) in prompt
        }
        yield _against_chance(space, proposed, shown, max(before.values()), scores)


def _against_chance(
    space: Any, proposed: SixEdgeCell, shown: Mapping[str, float], best: float, scores: np.ndarray
) -> dict[str, float]:
    """One proposal. shown: cells of the prompt with their scores; best: the highest score so far."""
    place = {name: i for i, name in enumerate(space.operations)}

    def score_of(cell: SixEdgeCell) -> float:
        return float(scores[tuple(place[name] for name in cell.edges)])

    leader = space.parse(max(shown, key=lambda text: shown[text]))
    each = np.zeros((6, 5))
    for text in shown:
        each[range(6), [place[name] for name in space.parse(text).edges]] += 1 / len(shown)
    lean = (1 - LEAN) * each
    lean[range(6), [place[name] for name in leader.edges]] += LEAN
    own = score_of(proposed)
    return {
        "mixed": own - _expected(scores, each),
        "leaning": own - _expected(scores, lean),
        "changed": own - float(np.mean([score_of(cell) for cell in space.neighbors(leader)])),
        "better": float(own > best),
        "better_mixed": _expected((scores > best).astype(float), lean),
    }


def _expected(values: np.ndarray, chances: np.ndarray) -> float:
    """The mean of a value over cells whose edges are drawn by themselves. chances: (6, 5), an edge a row."""
    for edge in reversed(chances):
        values = values @ edge
    return float(values)
