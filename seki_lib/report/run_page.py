"""A search as one page to read, round by round: what was asked and answered, the cell that came of it, its score.

    Path("search.html").write_text(run_page(folder), encoding="utf-8")        # or: seki show RUN --html > search.html

The page needs nothing beside it: no script, no other file, no network. What an LLM wrote is escaped.
"""

import base64
import io
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..files.errors import RunError
from ..files.jsonl import read_json, read_lines
from ..llm.transcript import totals
from ..search.repository import HOW, Record, read_history
from ..spaces import DartsGenotype, get_space
from ..spaces.six_edges import EDGES, SixEdgeCell
from .cells import draw_cell
from .plots import draw_cell as draw_six_edges
from .tables import describe_cost

DPI = 70  # of the drawn cells: a page of a whole search takes about a megabyte


def run_page(folder: Path, *, drawn: bool = True) -> str:
    """The page of a search that has finished or goes on. drawn: with a picture of each cell, where its space has one.

    Raises RunError for a folder that holds no search.
    """
    if not (folder / "history.jsonl").is_file():
        raise RunError(f"{folder} holds no search: a page is made of its history.jsonl and transcript.jsonl.")
    config, history = read_json(folder / "config.json"), read_history(folder / "history.jsonl")
    calls: dict[int, list[dict[str, Any]]] = defaultdict(list)
    for call in read_lines(folder / "transcript.jsonl"):
        calls[call["round"] or 0].append(call)
    fork = read_json(folder / "fork.json") if (folder / "fork.json").is_file() else None
    return _page(
        "run_page.html.j2", config=config, rounds=_rounds(config["run"]["space"], history, calls, drawn), fork=fork,
        how=HOW, best=max(history, key=lambda record: record.score, default=None),
        took=describe_cost(totals(folder / "transcript.jsonl")),
    )  # fmt: skip


def _rounds(
    name: str, history: Sequence[Record], calls: dict[int, list[dict[str, Any]]], drawn: bool
) -> list[dict[str, Any]]:
    """What the page says of each round."""
    space, best = get_space(name), list(accumulate((record.score for record in history), max))
    found = []
    for i, record in enumerate(history):
        cell = space.parse(record.architecture)
        parent = space.parse(history[i - 1].architecture) if record.stage == "self_evolution" else None
        change = record.score - history[i - 1].score if parent else None
        pictures = [_png(figure) for figure in _figures(cell, parent)] if drawn else []
        found.append({"record": record, "calls": calls[i], "best": best[i], "change": change, "pictures": pictures})
    return found


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
        parse = get_space(self.space).parse
        rows = [
            (b, a, *([_png(f) for f in _figures(parse(r.architecture), None)] for r in (b, a)))
            for b, a in zip(self.before, self.after, strict=True)
        ]
        return _page("before_after.html.j2", rows=rows, caution=self.caution)


def _page(template: str, **values: Any) -> str:
    """A template of this folder, filled in; whatever is filled in is escaped."""
    pages = Environment(loader=PackageLoader("seki_lib.report", "."), autoescape=True, trim_blocks=True)
    return pages.get_template(template).render(**values)


def _figures(cell: Any, parent: Any) -> list[Figure]:
    """The drawn cell, edges that differ from the parent's marked where there are six; nothing for other spaces."""
    if isinstance(cell, SixEdgeCell):
        marked = [e for e, a, b in zip(EDGES, parent.edges, cell.edges, strict=True) if a != b] if parent else []
        return [draw_six_edges(cell, marked=marked)]
    return [draw_cell(cell, which, which) for which in cell.cells] if isinstance(cell, DartsGenotype) else []


def _png(figure: Figure) -> str:
    """A figure as the text of a data URL; it is closed."""
    file = io.BytesIO()
    figure.savefig(file, format="png", dpi=DPI, bbox_inches="tight")
    plt.close(figure)
    return base64.b64encode(file.getvalue()).decode()
