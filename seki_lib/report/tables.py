"""Tables in which every cell says where it came from: `paper`, `measured`, `replayed` or `not run`.

A table is written three times: CSV (one provenance column beside each value), Markdown and HTML (a letter behind each
value, explained below the table; never by colour alone).
"""

import csv
import html
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LETTERS = {"paper": "P", "measured": "M", "replayed": "R", "not run": "–"}
LEGEND = {
    "paper": "quoted from the paper, digit by digit",
    "measured": "measured by this kit",
    "replayed": "from a committed transcript",
    "not run": "not run, and what it would take",
}

BY_CHANCE = " ‡"
BY_CHANCE_NOTE = (
    "‡ not the LLM's search: in at least one search of this row random neighbours took the place of the LLM's replies "
    "in more than a third of the rounds, or in three in a row, and the user let it go on."
)


@dataclass(frozen=True)
class Cell:
    """One value as text, its provenance (a key of LETTERS), and what else a reader should know of it."""

    text: str
    provenance: str
    detail: str = ""

    def __str__(self) -> str:
        return f"{self.text} [{LETTERS[self.provenance]}]" if self.text else ""


@dataclass
class Table:
    """Rows of a label, the number of runs behind it (empty for the paper's), and one Cell a column."""

    name: str
    title: str
    columns: Sequence[str]
    rows: list[tuple[str, str, list[Cell]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(
        self, label: str, cells: Sequence[Cell], n: int | None = None, searches: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Append a row. searches: `result.json` of those behind it; the row is marked if chance led one of them.

        Raises ValueError if it has another number of cells than the table has columns.
        """
        if len(cells) != len(self.columns):
            raise ValueError(f"{self.name}: row {label!r} has {len(cells)} cells for {len(self.columns)} columns")
        if any(result.get("mostly_fallback") for result in searches):
            label += BY_CHANCE
        self.rows.append((label, "" if n is None else str(n), list(cells)))

    def legend(self) -> list[str]:
        """One line per provenance that occurs, then the notes."""
        seen = {cell.provenance for _, _, cells in self.rows for cell in cells}
        marked = any(label.endswith(BY_CHANCE) for label, _, _ in self.rows)
        return [f"[{LETTERS[p]}] {LEGEND[p]}" for p in LETTERS if p in seen] + [BY_CHANCE_NOTE] * marked + self.notes

    def write(self, folder: Path) -> list[Path]:
        """Write `<name>.csv`, `.md` and `.html`; returns their paths."""
        folder.mkdir(parents=True, exist_ok=True)
        paths = [folder / f"{self.name}.{ending}" for ending in ("csv", "md", "html")]
        with paths[0].open("w", encoding="utf-8", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(["row", "n", *(name for c in self.columns for name in (c, f"{c} provenance"))])
            for label, n, cells in self.rows:
                values = [v for c in cells for v in (c.text, ": ".join(filter(None, (c.provenance, c.detail))))]
                writer.writerow([label, n, *values])
        paths[1].write_text(self.markdown(), encoding="utf-8")
        paths[2].write_text(self.html(), encoding="utf-8")
        return paths

    def markdown(self) -> str:
        """The table as Markdown, aligned so that it also reads as plain text."""
        head = ["", "n", *self.columns]
        body = [[label, n, *map(str, cells)] for label, n, cells in self.rows]
        width = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
        lines = ["| " + " | ".join(t.ljust(w) for t, w in zip(row, width, strict=True)) + " |" for row in [head, *body]]
        lines.insert(1, "|" + "|".join("-" * (w + 2) for w in width) + "|")
        return "\n".join([f"# {self.title}", "", *lines, "", *(f"- {line}" for line in self.legend()), ""])

    def html(self) -> str:
        """The table as a page of its own."""
        escape = html.escape
        head = "".join(f"<th>{escape(c)}</th>" for c in ["", "n", *self.columns])
        rows = "\n".join(
            f'<tr class="{cells[0].provenance.replace(" ", "-")}"><th>{escape(label)}</th><td>{n}</td>'
            + "".join(f'<td title="{escape(c.provenance + ": " + c.detail)}">{escape(str(c))}</td>' for c in cells)
            + "</tr>"
            for label, n, cells in self.rows
        )
        legend = "".join(f"<li>{escape(line)}</li>" for line in self.legend())
        return (
            f'<!doctype html>\n<html lang="en"><meta charset="utf-8"><title>{escape(self.title)}</title>\n{STYLE}\n'
            f"<h1>{escape(self.title)}</h1>\n<table>\n<tr>{head}</tr>\n{rows}\n</table>\n<ul>{legend}</ul>\n</html>\n"
        )


STYLE = """<style>
body { font: 15px/1.45 system-ui, sans-serif; margin: 2rem; color: #222 }
table { border-collapse: collapse } td, th { padding: .25rem .6rem; text-align: left; font-weight: normal }
td, th { white-space: nowrap }
h1 { font-size: 1.3rem }
tr:first-child th { border-bottom: 2px solid #222; font-weight: bold }
tr.measured, tr.replayed { background: #eef4fb } tr.measured th, tr.replayed th { font-weight: bold }
tr { border-bottom: 1px solid #ddd } ul { color: #444; padding-left: 1.2rem }
</style>"""


def minus_paper(ours: Sequence[Cell], printed: Sequence[str], detail: str) -> list[Cell]:
    """Our cells minus what the paper prints, mean minus mean; blank where one of both is no number."""

    def mean(text: str) -> float | None:
        try:
            return float(text.partition("±")[0])
        except ValueError:
            return None

    pairs = [(mean(cell.text), mean(text), cell) for cell, text in zip(ours, printed, strict=True)]
    return [
        Cell(f"{own - theirs:+.2f}", cell.provenance, detail)
        if own is not None and theirs is not None
        else Cell("", "not run", "one of both is no number")
        for own, theirs, cell in pairs
    ]


def describe_cost(took: dict[str, Any]) -> str:
    """What an LLM took, in words. took: as of seki_lib.llm.transcript.totals, or those fields of a result.json."""
    tokens = took["tokens"]
    parts = [f"{took['calls']} calls", f"{tokens['prompt_tokens']:,} + {tokens['completion_tokens']:,} tokens"]
    if cached := tokens.get("cached_tokens"):
        parts.append(f"{cached:,} of them read from the prompt cache")
    if failed := took.get("failed"):
        parts.append(f"{failed} failed requests")
    parts.append(f"{took['llm_seconds']:.0f} s")
    dollars = took.get("dollars")
    parts.append("price not known" if dollars is None else f"${dollars:.4f}")
    return ", ".join(parts)


def mean_std(values: Sequence[float], digits: int = 2) -> str:
    """`mean±standard deviation` as the paper prints it (sample deviation, n - 1); the mean alone for one value."""
    mean = f"{statistics.fmean(values):.{digits}f}"
    return f"{mean}±{statistics.stdev(values):.{digits}f}" if len(values) > 1 else mean
