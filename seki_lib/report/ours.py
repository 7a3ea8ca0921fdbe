"""Rows of ours in Tables 1, 2 and 8: cells that LLMs found, and known ones, each with its trainings."""

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from ..paper import Edition, Training
from ..paper.found import editions, known_spec, training_spec
from ..results import Home, SearchResult
from ..training.machine import ELSEWHERE, trained_on
from ..training.protocol import TrainingSpec
from .search_cost import search_cost
from .tables import Cell

BLANK = Cell("", "not run")  # a column that does not apply


class Row(NamedTuple):
    """One training of one row. search: that found its cell; cost: what that took; chosen: a note on how it was."""

    label: str
    spec: TrainingSpec
    search: SearchResult | None = None
    cost: Cell = BLANK
    chosen: str = ""

    @property
    def searched(self) -> list[dict[str, Any]]:
        """What `Table.add` looks at, to mark a row that chance led."""
        return [self.search.result] if self.search else []


def found_rows(found: Callable[[Edition], Iterable[Training]], edition: Edition, results: Path) -> list[Row]:
    """The trainings of found cells, for every LLM that has searched here. found: what each edition needs."""
    rows, home = [], Home(results, edition.name)
    for need in found(edition):
        search = need.searched[0]
        mark = "†" if search.task == "imagenet" else ""
        for llm, other in editions(edition, results, search.space, search.task).items():
            spec = training_spec(need, other, results)
            best = home.best_search(search.space, search.task, llm)
            if spec and best:
                searches = home.finished_searches(search.space, search.task, llm)
                seeds = ", ".join(str(one.seed) for one in searches)
                chosen = f"SEKI{mark}, {llm}: the cell of the highest f(α) of the searches with seeds {seeds}."
                cost = search_cost(best, results, edition.name)
                rows.append(Row(f"SEKI{mark}, ours, {llm}", spec, best, cost, chosen))
    return rows


def known_rows(needs: Iterable[Training], edition: Edition) -> list[Row]:
    """The trainings of cells that no search has to find."""
    return [Row(f"{spec.name}, ours", spec) for spec in (known_spec(need, edition) for need in needs)]


def notes_on(rows: Sequence[Row], results: Sequence[dict[str, Any]]) -> list[str]:
    """How the cells were chosen, on which machines they were trained, and that another one gives other numbers."""
    machines = sorted({trained_on(result) for result in results})
    trained = [f"Trained on {'; '.join(machines)}. {ELSEWHERE}"] if machines else []
    return [*dict.fromkeys(row.chosen for row in rows if row.chosen), *trained]
