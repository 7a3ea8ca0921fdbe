"""S as an arm's LLM may see it in round i: the same cells, with other scores, in another order, or only one of them.

Each takes (search, i) and returns records 0 to i - 1 as they are to be shown. They depend on the true records, the
config and the round alone, so that a search that was stopped goes on as if it had not been.
"""

from collections.abc import Sequence
from dataclasses import replace
from random import Random

from .repository import Record
from .state import Search


def shuffled(search: Search, i: int) -> list[Record]:
    """Scores trade places, so that a number says nothing of its cell.

    In self-evolution among all cells. In inspiration among the k best, and among the rest: the k best stay those that
    the algorithm chose, since choosing them is the ladder's share and not the LLM's.
    """
    records, rng = search.repository.records, search.random(i, "shuffled")
    if i <= search.config.lam:
        return _traded(records, range(len(records)), rng)
    top = {record.round for record in search.repository.top(search.config.k)}
    rest = [record.round for record in records if record.round not in top]
    return _traded(_traded(records, sorted(top), rng), rest, rng)


def _traded(records: Sequence[Record], places: Sequence[int], rng: Random) -> list[Record]:
    """The records with the scores at these places in random order."""
    found = list(records)
    for place, source in zip(places, rng.sample(places, len(places)), strict=True):
        found[place] = replace(records[place], score=records[source].score)
    return found


def earliest_first(search: Search, i: int) -> list[Record]:
    """Scores that fall from round to round: what lists the best first lists cells in the order of proposal."""
    return [replace(record, score=float(-record.round)) for record in search.repository.records]


def alpha0_again(search: Search, i: int) -> list[Record]:
    """α0 in the place of the cell before: every round of self-evolution goes on from it."""
    *before, last = search.repository.records
    return [*before, replace(search.repository.records[0], round=last.round)]
