"""Tables in which every cell says where it came from: `paper`, `measured`, `replayed` or `not run`.

A table is written three times: CSV (one provenance column beside each value), Markdown and HTML (a letter behind each
value, explained below the table; never by colour alone).
"""

import csv
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path
from typing import Any

from ..files.canary import REQUEST
from ..files.checkout import OWN
from ..files.errors import RunError
from ..files.jsonl import read_text, write_text
from ..results import SearchResult
from .templates import fill

LETTERS = {"paper": "P", "measured": "M", "replayed": "R", "not run": "–"}
REMARK = "remark"  # the provenance of words that are no result
LEGEND = {
    "paper": "quoted from the paper, digit by digit",
    "measured": "measured by this kit",
    "replayed": "from a kept search: its transcript and history, without asking the LLM again",
    "not run": "not run, and what it would take",
}

BY_CHANCE = " ‡"
BY_CHANCE_NOTE = (
    "‡ not the LLM's search: in at least one search of this row random neighbours took the place of the LLM's replies "
    "in more than a third of the rounds, or in three in a row, and the user let it go on."
)


def paper_table(number: int) -> list[dict[str, str]]:
    """The rows of one table of the paper as typed in `data/paper/`, every value as the text that was printed."""
    return typed(f"table{number}")


def typed(name: str) -> list[dict[str, str]]:
    """The rows of a file of `data/paper/`: a table, or `text`, what the paper says outside of its tables."""
    path = OWN / "data" / "paper" / f"{name}.csv"
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@dataclass(frozen=True)
class Cell:
    """One value as text, its provenance (a key of LETTERS, or REMARK), and what else a reader should know of it."""

    text: str
    provenance: str
    detail: str = ""

    def __str__(self) -> str:
        letter = LETTERS.get(self.provenance)
        return f"{self.text} [{letter}]" if self.text and letter else self.text


BLANK = Cell("", "not run")  # of a column that does not apply


def not_run(needs: str) -> Cell:
    """The cell of a value that was not run. It says what the value would take."""
    return Cell("not run", "not run", needs)


@dataclass
class Table:
    """Columns by key, and rows of a label, the number of runs behind it (empty for the paper's), and one Cell a column.

    columns: key -> heading. The keys of the paper's columns are those of `data/paper/`.
    """

    name: str
    title: str
    columns: Mapping[str, str]
    rows: list[tuple[str, str, list[Cell]]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    @classmethod
    def beside_paper(
        cls, number: int, title: str, columns: Mapping[str, str], own: Mapping[str, str] | None = None
    ) -> "Table":
        """A table that begins with the rows of the paper's. own: columns that the paper does not have."""
        table = cls(f"table{number}", f"Table {number}. {title}", {**columns, **(own or {})})
        for printed in paper_table(number):
            label = f"{next(iter(printed.values()))} {printed.get('reference', '')}".strip()
            table.add(label, {column: Cell(printed.get(column, ""), "paper") for column in table.columns})
        return table

    @classmethod
    def read(cls, path: Path) -> "Table":
        """A table that `write` wrote. path: its CSV; the title and the notes are those of the Markdown beside it.

        The keys of its columns are their headings. Raises RunError for a file that no table was written to.
        """
        try:
            head, *rows = [*csv.reader(StringIO(read_text(path), newline=""))] or [[]]
        except csv.Error as error:
            raise RunError(f"{path} is damaged ({error}). Next: make it again, or move the file away.") from None
        if head[:2] != ["row", "n"] or head[3::2] != [f"{heading} provenance" for heading in head[2::2]]:
            raise RunError(
                f"{path} is no table of this kit: its first line must be row,n and then, of each column, its name and "
                "its provenance, with commas between. Next: make it again, or move the file away."
            )
        beside = path.with_suffix(".md")
        title, *lines = (read_text(beside) if beside.exists() else "").splitlines() or [path.stem]
        table = cls(path.stem, title.removeprefix("# "), {heading: heading for heading in head[2::2]})
        for row in rows:
            if len(row) != len(head):
                raise RunError(f"{path} is damaged: a row has {len(row)} fields, its head has {len(head)}.")
            origins = [origin.partition(": ") for origin in row[3::2]]
            if unknown := {origin[0] for origin in origins} - {*LETTERS, REMARK}:
                raise RunError(f"{path} is damaged: a cell says that it is {', '.join(sorted(unknown))}.")
            cells = [Cell(text, origin[0], origin[2]) for text, origin in zip(row[2::2], origins, strict=True)]
            table.rows.append((row[0], row[1], cells))
        legend, said = table.legend(), [line.removeprefix("- ") for line in lines if line.startswith("- ")]
        table.notes = [line for line in said if line not in legend]
        return table

    def add(
        self, label: str, cells: Mapping[str, Cell], n: int | None = None, searches: Sequence[Mapping[str, Any]] = ()
    ) -> None:
        """Append a row. cells: by the key of their column; columns that are left out stay blank.

        searches: `result.json` of those behind it; the row is marked if chance led one of them. Raises ValueError for
        a column that the table does not have.
        """
        if unknown := cells.keys() - self.columns.keys():
            raise ValueError(f"{self.name}: row {label!r} has cells for the unknown columns {sorted(unknown)}")
        if any(result.get("mostly_fallback") for result in searches):
            label += BY_CHANCE
        self.rows.append((label, "" if n is None else str(n), [cells.get(column, BLANK) for column in self.columns]))

    def legend(self) -> list[str]:
        """One line per provenance that occurs, the notes, and the request not to train on the table."""
        seen = {cell.provenance for _, _, cells in self.rows for cell in cells}
        marked = any(label.endswith(BY_CHANCE) for label, _, _ in self.rows)
        provenances = [f"[{LETTERS[p]}] {LEGEND[p]}" for p in LETTERS if p in seen]
        return [*provenances, *([BY_CHANCE_NOTE] * marked), *self.notes, REQUEST]

    def write(self, folder: Path) -> list[Path]:
        """Write `<name>.csv`, `.md` and `.html`; returns their paths."""
        texts = {"csv": self.csv(), "md": self.markdown(), "html": self.html()}
        paths = {folder / f"{self.name}.{ending}": text for ending, text in texts.items()}
        for path, text in paths.items():
            write_text(path, text)
        return list(paths)

    def csv(self) -> str:
        """The table as `read` reads it: of each column its cells, and what they stand on."""
        file = StringIO(newline="")
        writer = csv.writer(file)
        writer.writerow(["row", "n", *(name for c in self.columns.values() for name in (c, f"{c} provenance"))])
        for label, n, cells in self.rows:
            values = [v for c in cells for v in (c.text, ": ".join(filter(None, (c.provenance, c.detail))))]
            writer.writerow([label, n, *values])
        return file.getvalue()

    def markdown(self) -> str:
        """The table as Markdown, aligned so that it also reads as plain text."""
        head = ["", "n", *self.columns.values()]
        body = [[label, n, *map(str, cells)] for label, n, cells in self.rows]
        width = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
        lines = ["| " + " | ".join(t.ljust(w) for t, w in zip(row, width, strict=True)) + " |" for row in [head, *body]]
        lines.insert(1, "|" + "|".join("-" * (w + 2) for w in width) + "|")
        return "\n".join([f"# {self.title}", "", *lines, "", *(f"- {line}" for line in self.legend()), ""])

    def html(self) -> str:
        """The table as a page of its own."""
        return fill("table.html.j2", table=self)


def minus_paper(ours: Mapping[str, Cell], printed: Mapping[str, str]) -> dict[str, Cell]:
    """Our cells minus what the paper prints, mean minus mean, of the columns where both are numbers."""
    differences = {}
    for column, cell in ours.items():
        with suppress(ValueError):  # "-" and "not run" are no numbers
            own, theirs = (float(text.partition("±")[0]) for text in (cell.text, printed[column]))
            differences[column] = Cell(f"{own - theirs:+.2f}", cell.provenance, "mean of ours minus the printed value")
    return differences


def describe_cost(took: dict[str, Any]) -> str:
    """What an LLM took, in words. took: as of seki_lib.llm.transcript.totals, or those fields of a result.json."""
    tokens = took["tokens"]
    parts = [f"{took['calls']} calls", f"{tokens['prompt_tokens']:,} + {tokens['completion_tokens']:,} tokens"]
    if cached := tokens.get("cached_tokens"):
        parts.append(f"{cached:,} of them read from the prompt cache")
    if unsaid := took.get("without_usage"):
        parts.append(f"not said by the provider in {unsaid} of them")
    if failed := took.get("failed"):
        parts.append(f"{failed} failed requests")
    parts.append(f"{took['llm_seconds']:.0f} s")
    dollars = took.get("dollars")
    parts.append("price not known" if dollars is None else f"${dollars:.4f}")
    return ", ".join(parts)


def where_from(searches: Sequence[SearchResult], detail: str) -> tuple[str, str]:
    """Provenance and detail of a cell that stands on these searches."""
    kept = sum(search.is_kept for search in searches)
    of_them = "" if kept == len(searches) else f"{kept} of {len(searches)} searches "
    return ("replayed", f"{detail}; {of_them}kept in results/reference") if kept else ("measured", detail)


def listed(seeds: Iterable[int]) -> str:
    """`8, 9, 10`."""
    return ", ".join(map(str, seeds))
