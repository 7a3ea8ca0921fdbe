"""`make evidence`: every number in the tables of README.md and docs/ stands in a kept file, or this fails.

`evidence.toml` says for each table that holds a number with decimals, or for a row of it, which lines of which kept
file, or which column of which kept CSV, give its numbers. Its three words:

    [[found]]    the numbers are in these sources; each number that is in none of them is an error
    [[settings]] the numbers were not measured: prices, sizes, settings. `why` says what they are
    [[owed]]     they were measured, and no kept file holds them. `why` says so; the list is printed on every run

A table of a page that no entry names is an error, and so is an entry that names no table. `given` are numbers of a
found row that say how it was measured, such as a count of seeds.
"""

import csv
import re
import statistics
import sys
import tomllib
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

ROOT = Path(__file__).parents[1]
SIGN = r"(?:(?<=[\s|(\[:~])[-+−]|^[-+−])?"  # not the stroke of a range or of a name
NUMBER = re.compile(rf"(?<![\w.])(?<![A-Za-z]-){SIGN}\d+(?:,\d{{3}})*(?:\.\d+)?(?!\w)(?!-[A-Za-z])")
MEASURED = re.compile(r"\d\.\d|±|\d (?:s|ms|min|minutes|h|hours|GB)\b")  # a row that somebody may have measured
QUOTED = re.compile(r"`[^`]*`|\]\([^)]*\)|§[\d.]+")  # names, addresses and sections: their digits are no numbers


@dataclass(frozen=True)
class Row:
    """A row of a table of a page."""

    page: str
    heading: str
    line: int
    text: str

    @property
    def cells(self):
        """The texts of its cells."""
        return [cell.strip() for cell in self.text.strip().strip("|").split("|")]

    @property
    def numbers(self):
        """Its numbers as they are printed, names and addresses left out."""
        return numbers_in(self.text)

    def __str__(self):
        return f"{self.page}:{self.line} ({self.heading})"


def numbers_in(text):
    return [found.replace("−", "-").replace(",", "") for found in NUMBER.findall(QUOTED.sub(" ", text))]


def rows_of(root, page):
    """The rows of a page's tables, without their heads; a table is what stands between two other lines."""
    heading, rows = "", []
    for line, text in enumerate((root / page).read_text(encoding="utf-8").splitlines(), start=1):
        if text.startswith("#"):
            heading = text.lstrip("# ")
        rows.append(Row(page, heading, line, text) if text.lstrip().startswith("|") else None)
    for is_table, group in groupby(rows, key=bool):
        if is_table:
            yield list(group)[2:]


def entry_of(row, entries):
    """The entry for a row: the first that names its page, its heading if it names one, and what the row begins with."""
    for entry in entries:
        named = entry["page"] == row.page and entry.get("heading", row.heading) == row.heading
        if named and re.match(entry.get("row", ""), row.text.strip().strip("|* ")):
            return entry
    return None


def known(root, source, row):
    """The numbers that a source gives for a row.

    columns: of a CSV of runs. cells: headings of a CSV that a table was written to. Else lines of any text: `key` says
    how many first cells of the row stand in the line, and `at` which cells of the line are looked at.
    """
    path, pattern = root / source["file"], source.get("line", "")
    if "columns" in source:
        return list(summary(path, source))
    if "cells" in source:
        with path.open(encoding="utf-8", newline="") as file:
            rows = [kept for kept in csv.DictReader(file) if re.search(pattern, kept["row"])]
        texts = [kept[heading] for kept in rows for heading in source["cells"]]
    else:
        key, lines = row.cells[: source.get("key", 0)], path.read_text(encoding="utf-8").splitlines()
        texts = [line for line in lines if re.search(pattern, line) and all(part in line for part in key)]
        if "at" in source:
            texts = [line.strip("|").split("|")[cell] for line in texts for cell in source["at"]]
    return [float(number) for text in texts for number in numbers_in(text)]


def summary(path, source):
    """n, mean, standard deviation and standard error of a CSV's columns, of the rows and seeds that a source names.

    minus: rows whose value of the same seed is taken from the first column, a further set of numbers for each of them.
    """
    with path.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    first, last = source["seeds"]

    def values(column, where):
        chosen = [row for row in rows if row[column] and all(row[name] == value for name, value in where.items())]
        return {row["seed"]: float(row[column]) for row in chosen if first <= int(row["seed"]) <= last}

    found = [values(column, source["where"]) for column in source["columns"]]
    for where in source.get("minus", []):
        other = values(source["columns"][0], where)
        found.append({seed: value - other[seed] for seed, value in found[0].items() if seed in other})
    for one in filter(None, found):
        spread = statistics.stdev(one.values())
        yield from (len(one), statistics.fmean(one.values()), spread, spread / len(one) ** 0.5)


def is_among(printed, values):
    """Whether a printed number is one of these values, rounded to its digits."""
    half = 0.5 * 10 ** -len(printed.partition(".")[2])
    return any(abs(float(printed) - value) <= half + 1e-9 for value in values)


def check(root=ROOT, mapping=None):
    """What is wrong, a sentence each, and what is owed."""
    mapping = mapping or tomllib.loads((root / "tools" / "evidence.toml").read_text(encoding="utf-8"))
    entries = [entry | {"kind": kind} for kind in ("found", "owed", "settings") for entry in mapping.get(kind, [])]
    wrong, owed, used, proved = [], [], set(), 0
    pages = ["README.md", *sorted(path.relative_to(root).as_posix() for path in root.glob("docs/*.md"))]
    for table in (table for page in pages for table in rows_of(root, page)):
        for row in table:
            entry = entry_of(row, entries)
            if entry is None:
                if MEASURED.search(QUOTED.sub(" ", row.text)):
                    wrong.append(f"{row}: no entry of tools/evidence.toml says where {row.text.strip()[:70]} … is from")
                continue
            used.add(entries.index(entry))
            if entry["kind"] == "owed":
                owed.append(f"{row}: {entry['why']}")
            if entry["kind"] != "found":
                continue
            try:
                values = [value for source in entry["sources"] for value in known(root, source, row)]
            except (KeyError, IndexError, OSError) as error:
                wrong.append(f"{row}: its kept file lacks {error}, which tools/evidence.toml names")
                continue
            lacking = [n for n in row.numbers if n not in entry.get("given", []) and n not in entry.get("owed", [])]
            missing = [n for n in lacking if not is_among(n, values)]
            proved += len(lacking) - len(missing)
            owed += [f"{row}: {n}; {entry['why']}" for n in entry.get("owed", []) if n in row.numbers]
            files = ", ".join(dict.fromkeys(source["file"] for source in entry["sources"]))
            wrong += [f"{row}: {n} is not in {files}" for n in missing]
    for at, entry in enumerate(entries):
        if at not in used:
            named = ", ".join(entry[name] for name in ("page", "heading", "row") if name in entry)
            wrong.append(f"tools/evidence.toml: no table has a row for the entry {named}")
    return wrong, owed, proved


def main():
    wrong, owed, proved = check()
    for sentence in owed:
        print(f"owed: {sentence}")
    print(f"{proved} numbers of README.md and docs/ stand in kept files; {len(owed)} rows or numbers are owed.")
    for sentence in wrong:
        print(f"evidence: {sentence}", file=sys.stderr)
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
