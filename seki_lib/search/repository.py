"""The knowledge repository S: every evaluated architecture of one search, kept in an append-only JSONL file."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..files.jsonl import append_line, read_lines
from ..files.run_folder import RECORD

HOW = {
    "alpha0": "the cell that the search starts from",
    "llm": "the first reply was read, and its cell was new",
    "repaired": "a reply could not be read; the LLM was asked again, with the reason",
    "resampled": "the reply was a known cell; the LLM was asked again, with another seed",
    "edited": "the reply was a known cell; the LLM picked a single change of it, in answer to the kit's own question",
    "fallback": "the LLM gave no new cell; a random neighbour took its place",
    "drawn": "no LLM was asked: a step of local search in a hybrid",
    "duplicate": "a known cell: the novelty rule is off, or no new neighbour is left",
}
"""How a cell came about, in one word. Histories kept from before say `repaired` for `edited` too."""


@dataclass(frozen=True)
class Record:
    """One evaluated architecture."""

    round: int
    stage: str  # alpha0, self_evolution or knowledge_inspiration
    architecture: str  # canonical text of the field
    canonical: str  # text of its isomorphism class
    score: float  # f(α), higher is better
    metrics: dict[str, float] = field(default_factory=dict)
    how: str = "llm"  # a key of HOW
    seconds: float = 0.0  # of the evaluation


def read_history(path: Path) -> list[Record]:
    """The records of `history.jsonl`, a round each from 0 on. Raises RunError that names the first line that is not."""
    records: list[Record] = []

    def checked(line: dict[str, Any]) -> Record:
        record = Record(**line)
        if record.round != len(records):
            raise ValueError(f"it is of round {record.round}, where round {len(records)} is expected")
        return record

    advice = "Remove this file and keep transcript.jsonl, whose answers are not asked again"
    for record in read_lines(path, checked, advice, RECORD):
        records.append(record)
    return records


class Repository:
    """S. With a path, each record is on disk before `append` returns; without one it lives in memory.

    records: what it begins with, without a path: the rounds that a fork shares.
    """

    def __init__(self, path: Path | None = None, records: Sequence[Record] = ()):
        self.path = path
        self.records: list[Record] = read_history(path) if path else list(records)
        self._first: dict[str, Record] = {}  # class -> its first record
        for record in self.records:
            self._first.setdefault(record.canonical, record)

    def append(self, record: Record) -> None:
        """Add the next record and flush it."""
        if self.path:
            append_line(self.path, asdict(record))
        self.records.append(record)
        self._first.setdefault(record.canonical, record)

    def __contains__(self, canonical: str) -> bool:
        """Whether a cell of this class was evaluated."""
        return canonical in self._first

    def find(self, canonical: str) -> Record:
        """The first record of this class. Raises KeyError if none was evaluated."""
        return self._first[canonical]

    def top(self, k: int) -> list[Record]:
        """The k best records, best first, one a class; the earlier one on ties."""
        best: dict[str, Record] = {}
        for record in sorted(self.records, key=lambda r: (-r.score, r.round)):
            best.setdefault(record.canonical, record)
        return list(best.values())[:k]

    def best(self) -> Record:
        """The record of highest score, the earliest on ties."""
        return self.top(1)[0]
