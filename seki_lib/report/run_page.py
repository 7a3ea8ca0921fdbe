"""A search as one page to read, round by round: what was asked and answered, the cell that came of it, its score.

    Path("search.html").write_text(run_page(folder), encoding="utf-8")        # or: seki show RUN --html > search.html

The page needs nothing beside it: no script, no other file, no network. What an LLM wrote is escaped.
"""

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..files.errors import RunError
from ..llm.transcript import totals
from ..search.repository import Record
from ..spaces import DartsGenotype, SearchSpace, get_space
from ..spaces.six_edges import EDGES, SixEdgeCell
from .cells import draw_cell
from .plots import draw_cell as draw_six_edges
from .tables import describe_cost
from .templates import fill
from .unfolded import Unfolded

DPI = 70  # of the drawn cells: a page of a whole search takes about a megabyte


def run_page(folder: Path, *, drawn: bool = True) -> str:
    """The page of a search that has finished or goes on. drawn: with a picture of each cell, where its space has one.

    Raises RunError for a folder that holds no search.
    """
    if not (folder / "history.jsonl").is_file():
        raise RunError(f"{folder} holds no search: a page is made of its history.jsonl and transcript.jsonl.")
    search = Unfolded(folder, folder)
    space, rounds = get_space(search.config["run"]["space"]), list(search.rounds())
    pictures = {r.number: _pictures(space, r.cell, r.parent) if drawn else [] for r in rounds}
    return fill(
        "run_page.html.j2", search=search, rounds=rounds, pictures=pictures,
        best=max(rounds, key=lambda found: found.score, default=None),
        took=describe_cost(totals(folder / "transcript.jsonl")),
    )  # fmt: skip


@dataclass(frozen=True)
class BeforeAfter:
    """The same rounds of two searches, one row a round, each cell drawn. A notebook shows it as a table."""

    space: str
    before: Sequence[Record]
    after: Sequence[Record]

    @property
    def caution(self) -> str:
        """What so few rounds can say."""
        return (
            f"A few rounds of one seed ({len(self.after)} here) prove nothing: scores of single cells scatter far more "
            "than prompts differ. Compare whole searches of many seeds."
        )

    def __str__(self) -> str:
        lines = [
            f"round {new.round}: {old.score:.2f} before, {new.score:.2f} after ({new.score - old.score:+.2f})"
            for old, new in zip(self.before, self.after, strict=True)
        ]
        return "\n".join([*lines, self.caution])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        space = get_space(self.space)
        rows = [
            (b, a, *(_pictures(space, record.architecture) for record in (b, a)))
            for b, a in zip(self.before, self.after, strict=True)
        ]
        return fill("before_after.html.j2", rows=rows, caution=self.caution)


def _pictures(space: SearchSpace[Any], text: str, before: str = "") -> list[str]:
    """The drawn cell as data URLs' text, edges that differ from the parent's marked; none for a space without one."""
    cell, parent = space.parse(text), space.parse(before) if before else None
    if isinstance(cell, SixEdgeCell):
        marked = [e for e, a, b in zip(EDGES, parent.edges, cell.edges, strict=True) if a != b] if parent else []
        return [_png(draw_six_edges(cell, marked=marked))]
    return [_png(draw_cell(cell, which, which)) for which in cell.cells] if isinstance(cell, DartsGenotype) else []


def _png(figure: Figure) -> str:
    """A figure as the text of a data URL; it is closed."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight")
    plt.close(figure)
    return base64.b64encode(file.getvalue()).decode()
