"""Searches round by round: what the LLM was asked, what it said, and what became of it. Two pages show it.

`round.html.j2` is how both pages show a round: the page of a profile (`page`) and that of one search (`run_page`).
"""

import re
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from ..files.jsonl import read_json
from ..files.run_folder import FORK, read_requests, read_rounds
from ..llm.transcript import recorded_calls
from ..results import Home, SearchResult
from ..search.repository import HOW
from .how import ASKED_AGAIN, STAGES, how_of

ORIGINS = HOW | {ASKED_AGAIN: "the LLM was asked a second time; which question that was is not kept"}


@dataclass(frozen=True)
class Round:
    """One evaluated cell. how: a key of ORIGINS."""

    number: int
    stage: str
    cell: str
    score: float
    parent: str  # the cell of the round before, if the LLM criticised it, else ""
    change: float  # of the score, from the parent's
    best: float  # the highest score of all rounds before; -inf for the first
    how: str
    calls: list[dict[str, Any]]  # lines of the transcript: stage, messages, and reply with thoughts, or error

    @property
    def leads(self) -> bool:
        """Whether no round before had so high a score."""
        return self.score > self.best

    @property
    def meaning(self) -> str:
        """How the cell came about, in a sentence."""
        return ORIGINS.get(self.how, self.how)


@dataclass(frozen=True)
class Unfolded(SearchResult):
    """A search. home: `<results>/<profile>`; the search's name leaves it out."""

    home: Path

    @property
    def place(self) -> str:
        """Its folder below the profile's."""
        return self.folder.relative_to(self.home).as_posix()

    @property
    def anchor(self) -> str:
        """An id for the page."""
        return re.sub(r"[^a-z0-9]+", "-", self.place.lower()).strip("-")

    @cached_property
    def fork(self) -> dict[str, Any] | None:
        """For a fork: `of`, the run that it shares rounds with, and `round`, the last of these rounds. Else None."""
        path = self.folder / "fork.json"
        return read_json(path, shape=FORK) if path.exists() else None

    @property
    def origin(self) -> str:
        """For a fork: the place of the run that it shares rounds with. Else empty."""
        return str(self.fork["of"]).partition("/")[2] if self.fork else ""

    @property
    def own_calls(self) -> list[dict[str, Any]]:
        """The calls of its transcript, oldest first, without those of shared rounds."""
        shared = self.fork["round"] if self.fork else -1
        calls = recorded_calls(self.folder / "transcript.jsonl")
        return [call for call in calls if (call.get("round") or 0) > shared]

    @property
    def title(self) -> str:
        """Space, task, LLM, variant and seed."""
        run = self.config["run"]
        named = [run["space"], run["task"], self.config["llm"]["name"]]
        return ", ".join([*named, *([run["variant"]] if run["variant"] != "default" else []), f"seed {run['seed']}"])

    def rounds(self) -> Iterator[Round]:
        """Its own rounds. The rounds that a fork shares are left out: the run that made them has them."""
        calls: Mapping[int, list[dict[str, Any]]] = defaultdict(list)
        for call in read_requests(self.folder / "transcript.jsonl"):
            calls[call.get("round") or 0].append(call)
        best, shared = float("-inf"), self.fork["round"] if self.fork else -1
        cell, of = "", 0.0  # of the round before
        for record in read_rounds(self.folder):
            number, score, asked = record["round"], float(record["score"]), calls[record["round"]]
            parent, change = (cell, score - of) if record["stage"] == "self_evolution" else ("", 0.0)
            cell, of = record["architecture"], score
            if number > shared:
                stage, how = STAGES.get(record["stage"], record["stage"]), how_of(record, answered(asked))
                yield Round(number, stage, cell, score, parent, change, best, how, asked)
            best = max(best, score)


def answered(calls: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """The calls that the LLM replied to."""
    return [call for call in calls if "reply" in call]


def searches(home: Path) -> list[Unfolded]:
    """Finished searches of a profile's folder, those of its own settings first; searches by other code are left out."""
    every = Home(home.parent, home.name).finished_searches("", variant="")
    found = [Unfolded(one.folder, home) for one in every if ",code=" not in one.folder.parent.name]
    return sorted(found, key=lambda search: (search.folder.parent.name != "default", natural(search.place)))


def natural(text: str) -> list[Any]:
    """A key that sorts 9 before 10."""
    return [(not part.isdecimal(), int(part) if part.isdecimal() else 0, part) for part in re.split(r"(\d+)", text)]
