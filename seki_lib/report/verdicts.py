"""Compare a finished table with the paper's: the values side by side, and a sentence or two on what was reproduced.

Everything is read from the table. A sentence claims a difference only where its 95 % interval lies on one side of zero.
"""

import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from .statistics import FEWEST, Spread, welch
from .tables import BY_CHANCE, LETTERS, Cell, Table, minus_paper

OURS = {  # the paper's row -> how our row begins
    "SEKI": "SEKI, ours, ",
    "SEKI†": "SEKI†, ours, ",
    "SEKI-Qwen": "SEKI, ours, local:qwen2.5-32b",
    "SEKI-GPT": "SEKI, ours, openai:gpt-4o-mini",
}
PAPER_LLMS = "Qwen2.5-32B, in Table 7 GPT-4o-mini too"  # §5.1, §5.3.3
RANDOM = "Random search, ours"
MINUS = "ours − the paper's"  # of the row that Tables 3 and 4 have where our budget is the paper's
JUDGED = {"table3": "CIFAR-10 test", "table4": "Ave. Rank ↓"}  # the column by which methods are compared
SPREAD = re.compile(r"^(-?\d+(?:\.\d+)?)±(\d+(?:\.\d+)?)$")  # a mean and its standard deviation


@dataclass(frozen=True)
class Beside:
    """One value of the paper beside ours. difference: ours minus the paper's where both are numbers."""

    row: str
    column: str
    paper: str
    ours: Cell
    difference: str


def beside_paper(table: Table) -> list[Beside]:
    """The values that the paper prints for SEKI, each beside ours, row by row."""
    found = []
    printed = {label: cells for label, _, cells in table.rows if label in OURS and cells[0].provenance == "paper"}
    for label, theirs in printed.items():
        for own, _, cells in table.rows:
            if own.startswith(OURS[label]):
                ours = dict(zip(table.columns, cells, strict=True))
                differences = minus_paper(ours, {c: cell.text for c, cell in zip(table.columns, theirs, strict=True)})
                found += [
                    Beside(own, table.columns[column], cell.text, ours[column], _text(differences.get(column)))
                    for column, cell in zip(table.columns, theirs, strict=True)
                    if any(map(str.isdigit, cell.text)) and ours[column].text  # words are no values
                ]
    return found


def provenances(table: Table) -> Counter[str]:
    """How many cells of a table are of which provenance; blank ones are left out."""
    return Counter(cell.provenance for _, _, cells in table.rows for cell in cells if cell.text)


def verdict(table: Table) -> list[str]:
    """What was reproduced of a table and what not, in sentences; the first one stands for the whole."""
    if stated := [note for note in table.notes if "the best setting" in note or note.startswith("On ")]:
        return stated  # the notes of Tables 5 and 6 say it for each judge, those of the trust table for each space
    return [*_against_paper(table), *_against_random(table)] or [*_paired(table), _extent(table)]


def _against_paper(table: Table) -> Iterator[str]:
    pairs = beside_paper(table)
    if not pairs:
        return
    lacking = [pair for pair in pairs if pair.ours.provenance == "not run"]
    there, named = len(pairs) - len(lacking), dict.fromkeys(pair.column for pair in pairs if pair not in lacking)
    which = f": {', '.join(named)}" if named and lacking else ""
    shorter = table.name in JUDGED and not any(MINUS in label for label, *_ in table.rows)
    llms = " and ".join(dict.fromkeys(pair.row.partition(", ours, ")[2].removesuffix(BY_CHANCE) for pair in pairs))
    budget = "fewer evaluations than the paper's" if shorter else "the paper's evaluations"
    yield "Not run in full." if lacking else f"Run with {budget}, by {llms}; the paper asks {PAPER_LLMS}."
    yield f"Of {len(pairs)} values that the paper prints for SEKI, {there or 'none'} stand beside one of ours{which}."
    if differences := [f"{pair.column} {pair.difference}" for pair in pairs if pair.difference and not shorter]:
        yield f"Ours minus the paper's: {', '.join(differences)}."
    for needs in dict.fromkeys(pair.ours.detail for pair in lacking if pair.ours.detail):
        yield f"Not run: {needs}."
    if any(heading.startswith("short:") for heading in table.columns.values()):
        yield "Ours by a short protocol stand in columns of their own, which compare with each other only."


def _against_random(table: Table) -> Iterator[str]:
    """Whether the searches of an LLM are better than random search, by the interval of the difference of means."""
    heading = JUDGED.get(table.name)
    rows = {label: (n, dict(zip(table.columns.values(), cells, strict=True))) for label, n, cells in table.rows}
    ours = [label for label in rows if label.startswith("SEKI, ours, ")]
    if heading is None or RANDOM not in rows or heading not in rows[RANDOM][1]:
        return
    for label in ours:
        (n, cells), (n_random, random) = rows[label], rows[RANDOM]
        a, b = cells[heading].text, random[heading].text
        told = f"{label.removeprefix('SEKI, ours, ').removesuffix(BY_CHANCE)} against random search, {heading}: {a}"
        one, other = _moments(a, n), _moments(b, n_random)
        if one is None or other is None:
            if a and b and cells[heading].provenance != "not run":
                yield f"{told} (n = {n or 'unknown'}), {b}. Too few seeds to decide, or no spread between them."
            continue
        low, high = welch(one, other)
        better = low > 0 if "↓" not in heading else high < 0
        decided = "undecided" if low <= 0 <= high else "better" if better else "worse"
        yield f"{told} (n = {n}), {b}: {decided}; 95 % interval of the difference {low:+.2f} to {high:+.2f}."


def _paired(table: Table) -> Iterator[str]:
    """The differences to random search of the same seeds, of a table that prints them."""
    for label, _, cells in table.rows:
        for heading, cell in zip(table.columns.values(), cells, strict=True):
            if label.startswith("SEKI, ours, ") and "minus random search" in heading and cell.text:
                yield f"{label.removeprefix('SEKI, ours, ')}: {heading}: {cell.text}."


def _moments(text: str, n: str) -> Spread | None:
    """What a cell says of the mean over n seeds, or None where seeds or deviation decide nothing.

    All of a few searches may end in one cell by chance: a deviation of zero is no measure of the next search.
    """
    found, seeds = SPREAD.match(text), int(n) if n.isdecimal() else 0
    return (
        Spread(float(found[1]), float(found[2]) / seeds**0.5, seeds - 1)
        if found and seeds >= FEWEST and float(found[2])
        else None
    )


def _extent(table: Table) -> str:
    counts = provenances(table)
    return "Cells: " + ", ".join(f"{counts[kind]} {kind}" for kind in LETTERS if counts[kind]) + "."


def _text(cell: Cell | None) -> str:
    return cell.text if cell else ""


_TRAINED = r"[^;]+?, torch [\w.+-]+?"
MACHINES = re.compile(rf"rained on ({_TRAINED}(?:; {_TRAINED})*)(?=[.;]?(?: |$))")


def machines(table: Table) -> set[str]:
    """The machines whose weights stand behind a table, as its notes and its cells name them."""
    texts = {*table.notes, *(cell.detail for _, _, cells in table.rows for cell in cells)}
    return {name for text in texts for found in MACHINES.findall(text) for name in found.split("; ")}
