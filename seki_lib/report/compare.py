"""Compare two folders of results: which numbers of their tables differ, and is that normal?

A number is judged by what stands in its cell and its column:

- a quoted number must be equal, and so must a number of the same seeds on the same data: it has nothing random left;
- a number that depends on trained weights is the same only on one type of CPU and one version of torch;
- a number of other seeds may differ as far as the seeds of both sides spread: 95 % for all such numbers together;
- seconds and minutes are not compared.
"""

import math
import re
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..files.errors import RunError
from . import ablation_tables, table7
from .statistics import Spread, welch
from .tables import BLANK, BY_CHANCE, Cell, Table
from .verdicts import MINUS, machines

JUDGEMENTS = {  # what a difference is -> in words; the first three are real changes
    "changed": "differ, which neither seeds nor machines explain",
    "missing": "are there and not here",
    "beyond": "differ by more than the spread of their seeds",
    "unknown": "are of other seeds or data, and have no spread to judge by",
    "noise": "differ within the spread of their seeds",
    "machine": "depend on weights that another type of CPU or torch trained",
    "clock": "are times, which are not compared",
    "new": "are here and not there",
}
REAL = ("changed", "missing", "beyond")
COUNTED = ("machine", "clock", "new")  # told by their number alone
OF_F = tuple(heading.partition("{")[0] for heading in ablation_tables.OURS.values())
WEIGHTS = {  # table -> how the headings of columns begin that depend on trained weights; all columns of ours if None
    "table1": None,
    "table2": None,
    "table5": OF_F,
    "table6": OF_F,
    "table7": (*table7.PAPER_COLUMNS.values(), table7.SHORT),
    "table8": None,
    "trust": None,
}
CLOCK = re.compile(r"\bseconds\b|\((?:s|min)\)|^Search cost|^search \(min\)")
NUMBER = r"([+-]?\d[\d,]*(?:\.\d+)?)"
DEVIATION = re.compile(rf"^{NUMBER}±{NUMBER}$")  # mean and standard deviation over seeds
HALF = re.compile(rf"^{NUMBER} ± {NUMBER}(?: \(n = (\d+)\))?$")  # mean and half of its 95 % interval
BRACKETS = re.compile(rf"^{NUMBER} \[{NUMBER}, {NUMBER}\](?: \(n = (\d+)[^)]*\))?$")  # value and its 95 % interval
NONE = (BLANK, "")  # where a side has no such cell
SEEDS = re.compile(r"\b(\d+) (?:paired )?seeds?\b")


@dataclass(frozen=True)
class Difference:
    """One value that is not the same on both sides. judgement: a key of JUDGEMENTS."""

    table: str
    row: str
    column: str
    here: str
    there: str
    judgement: str

    def __str__(self) -> str:
        place = ", ".join(filter(None, (self.table, self.row, self.column)))
        return f"{place}: {self.here or 'nothing'} here, {self.there or 'nothing'} there"


def compare(here: Path, there: Path) -> tuple[list[Difference], int]:
    """The differences of two folders of results, and how many values are equal. Raises RunError without tables."""
    ours, theirs = _tables(here), _tables(there)
    found: list[Difference] = []
    pending: list[tuple[Difference, Spread, Spread]] = []
    equal = 0
    for name in theirs.keys() | ours.keys():
        if name not in ours or name not in theirs:
            sides = ["the table" if name in side else "" for side in (ours, theirs)]
            found.append(Difference(name, "", "", sides[0], sides[1], "new" if sides[0] else "missing"))
            continue
        judge = Judge(ours[name], theirs[name])
        for place in judge.places:
            (a, n_a), (b, n_b), judgement = judge.here.get(place, NONE), judge.there.get(place, NONE), judge(place)
            if judgement == "equal":
                equal += 1
                continue
            difference = Difference(name, *place, a.text, b.text, judgement)
            one, other = spread(a, n_a), spread(b, n_b)
            if judgement == "unknown" and one and other:
                pending.append((difference, one, other))
            else:
                found.append(difference)
    found += [_by_spread(difference, a, b, len(pending)) for difference, a, b in pending]
    return sorted(found, key=lambda one: (one.table, one.row, one.column)), equal


def report(here: Path, there: Path) -> Iterator[str]:
    """The comparison in lines; the last one counts. Raises RunError at the end if a number really changed."""
    differences, equal = compare(here, there)
    for judgement, words in JUDGEMENTS.items():
        listed = [one for one in differences if one.judgement == judgement]
        if listed and judgement in COUNTED:
            by_table = Counter(one.table for one in listed)
            yield f"{len(listed)} {words} ({', '.join(f'{table} {n}' for table, n in sorted(by_table.items()))})"
        elif listed:
            yield f"{len(listed)} {words}:"
            yield from (f"  {one}" for one in listed)
    for side, folder in (("here", here), ("there", there)):
        names = sorted(set().union(*map(machines, _tables(folder).values())))
        yield f"weights {side} were trained on: {'; '.join(names) or 'no machine that a table names'}"
    counts = Counter(one.judgement for one in differences)
    yield f"{equal} values are equal; {', '.join(f'{name} {n}' for name, n in sorted(counts.items())) or 'none differ'}"
    if changes := sum(counts[judgement] for judgement in REAL):
        raise RunError(f"{changes} values of {there} are changed or missing in {here}: see above.")


def spread(cell: Cell, n: str) -> Spread | None:
    """What the text of a cell says of its own uncertainty, or None. n: of its row."""
    said = SEEDS.search(cell.detail)
    count = int(said[1]) if said else int(n) if n.isdecimal() else 0
    if (found := DEVIATION.match(cell.text)) and count > 1:
        return Spread(_number(found[1]), _number(found[2]) / math.sqrt(count), count - 1)
    if (found := HALF.match(cell.text)) and (count := int(found[3] or count)) > 1:
        return _by_half(_number(found[1]), _number(found[2]), count - 1)
    if found := BRACKETS.match(cell.text):
        value, low, high = map(_number, found.groups()[:3])
        count = int(found[4] or count)
        return _by_half(value, (high - low) / 2, count - 1 if count > 1 else 1_000_000)  # τ is over cells, not seeds
    return None


def _by_half(value: float, half: float, freedom: int) -> Spread:
    """Of a value and half of its 95 % interval."""
    from scipy.stats import t

    return Spread(value, half / float(t.ppf(0.975, freedom)), freedom)


class Judge:
    """Judges the values of one table, `here` and `there`: (row, column) -> its cell, and the n of its row."""

    def __init__(self, ours: Table, theirs: Table):
        self.here, self.there = _cells(ours), _cells(theirs)
        self.places = list(dict.fromkeys([*self.there, *self.here]))
        self._weights = WEIGHTS.get(ours.name, ())
        self._same_machine = machines(ours) == machines(theirs)

    def __call__(self, place: tuple[str, str]) -> str:
        """A key of JUDGEMENTS, or "equal"; "unknown" where the spread of seeds is still to be asked."""
        (here, n_here), (there, n_there) = self.here.get(place, NONE), self.there.get(place, NONE)
        lacking = [not cell.text or cell.provenance == "not run" for cell in (here, there)]
        quoted = [cell.provenance == "paper" for cell in (here, there)]
        if all(lacking) or (here.text == there.text and quoted[0] == quoted[1]):
            return "equal"
        if CLOCK.search(place[1]):
            return "clock"
        if any(lacking):
            return "missing" if lacking[0] else "new"
        if any(quoted):
            return "changed"
        if self._by_weights(place[1]) and not self._same_machine:
            return "machine"
        return "changed" if n_here == n_there and self._same_runs(place) else "unknown"

    def _by_weights(self, heading: str) -> bool:
        return self._weights is None or heading.startswith(self._weights)

    def _same_runs(self, place: tuple[str, str]) -> bool:
        """Whether a row is of the same seeds and data on both sides, by what its cells of this kind say of themselves.

        The whole row is asked, since a difference of two rows does not name the seeds that it is of.
        """
        row, kind = place[0], self._by_weights(place[1])
        shared = [at for at in self.here.keys() & self.there.keys() if at[0] == row and self._by_weights(at[1]) == kind]
        pairs = [(self.here[at][0], self.there[at][0]) for at in shared if not CLOCK.search(at[1])]
        return all(a.detail == b.detail for a, b in pairs if "not run" not in (a.provenance, b.provenance))


def _by_spread(difference: Difference, a: Spread, b: Spread, tests: int) -> Difference:
    """A difference of other seeds. tests: how many are judged so together."""
    low, high = welch(a, b, tests)
    judgement = "noise" if low - 1e-9 <= 0 <= high + 1e-9 else "beyond"
    fields = (difference.table, difference.row, difference.column, difference.here, difference.there)
    return Difference(*fields, judgement)


def _cells(table: Table) -> dict[tuple[str, str], tuple[Cell, str]]:
    """(row, column) -> the cell and the n of its row; without the row of differences, which says nothing of its own.

    A label that several rows have, such as a judge of several spaces, is told apart by the row's first cell.
    """
    labels = Counter(label for label, *_ in table.rows)
    return {
        (label.removesuffix(BY_CHANCE) + f" ({cells[0].text})" * (labels[label] > 1), heading): (cell, n)
        for label, n, cells in table.rows
        for heading, cell in zip(table.columns.values(), cells, strict=True)
        if MINUS not in label
    }


def _tables(folder: Path) -> dict[str, Table]:
    """The tables of a folder, by name. Raises RunError if it holds none."""
    tables = {path.stem: Table.read(path) for path in sorted((folder / "tables").glob("[!.]*.csv"))}
    if not tables:
        raise RunError(f"{folder} holds no tables. Name a folder such as results/laptop or results/reference.")
    return tables


def _number(text: str) -> float:
    return float(text.replace(",", ""))
