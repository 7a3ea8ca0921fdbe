"""The folders under `results/`: where searches are kept, which are finished, what they found.

    results/<profile>/searches/<space>/<task>/<llm>/<variant>/seed=<n>/

A finished search holds `result.json`. One that other code made is kept beside it as `<variant>,code=<hash>`: the
finders here pass it over.
"""

import hashlib
import re
import shlex
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from .files.errors import RunError
from .files.jsonl import read_if_whole, read_json, read_lines
from .spaces import get_space


@dataclass(frozen=True)
class RunSpec:
    """What decides a run. The LLM decides how it likes to be asked unless `search` says otherwise."""

    space: str
    task: str
    llm: str
    profile: str
    seed: int
    variant: str = "default"
    supernet: str = ""  # kind of supernet that f is read from, of a space without a table; empty: the profile's
    bn: str = ""  # its BN statistics, a key of evaluators.oneshot.BN_MODES; empty: of the batch
    evaluator: str = ""  # what gives f, as `get_evaluator` takes it; empty: the space's own

    def folder(self, results: Path) -> Path:
        """Where this run lives."""
        return (
            results / self.profile / "searches" / self.space / self.task / folder_name(self.llm) / self.variant
            / f"seed={self.seed}"
        )  # fmt: skip

    def command(self, results: Path) -> str:
        """The command that makes or continues this run."""
        words = ["seki", "search", "--space", self.space, "--task", self.task, "--llm", self.llm]
        words += ["--profile", self.profile, "--variant", self.variant, "--seed", str(self.seed)]
        words += [
            word
            for name in ("evaluator", "supernet", "bn")
            if (value := getattr(self, name))
            for word in (f"--{name}", value)
        ]
        return shlex.join([*words, "--results", str(results)])


def folder_name(llm: str) -> str:
    """An LLM's name as one folder: `local:smollm2-135m` -> `local-smollm2-135m`; a long one is cut and hashed."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", llm).strip("-")
    return slug if len(slug) <= 60 else f"{slug[:20]}-{hashlib.sha256(llm.encode()).hexdigest()[:10]}"


def is_finished(folder: Path) -> bool:
    """Whether all rounds were run and the final cell was read; a damaged result is said and made again."""
    return read_if_whole(folder / "result.json") is not None


@dataclass(frozen=True)
class SearchResult:
    """A finished search, read when asked."""

    folder: Path

    @cached_property
    def config(self) -> dict[str, Any]:
        """What decided it. Raises RunError if it is missing or damaged."""
        return read_json(self.folder / "config.json")

    @cached_property
    def result(self) -> dict[str, Any]:
        """What it found and what it took. Raises RunError if it is missing or damaged."""
        return read_json(self.folder / "result.json")

    @property
    def llm(self) -> str:
        """The LLM that was asked."""
        return str(self.config["llm"]["name"])

    @property
    def seed(self) -> int:
        """The seed of the search."""
        return int(self.folder.name.removeprefix("seed="))

    @property
    def score(self) -> float:
        """F of its best cell."""
        return float(self.result["score"])

    @property
    def scoring_seconds(self) -> float:
        """Seconds that f took for all cells."""
        return float(sum(record["seconds"] for record in read_lines(self.folder / "history.jsonl")))


def finished_searches(
    results: Path, profile: str, space: str, task: str, llm: str = "", variant: str = "default"
) -> list[SearchResult]:
    """The finished searches of a task, by seed. llm: the one that was asked; any if empty."""
    home = results / profile / "searches" / space / task
    found = home.glob(f"{folder_name(llm) if llm else '*'}/{variant}/seed=*/result.json")
    return [SearchResult(path.parent) for path in sorted(found) if is_finished(path.parent)]


def by_llm(searches: Iterable[SearchResult]) -> dict[str, list[SearchResult]]:
    """Searches by the name of their LLM."""
    found: dict[str, list[SearchResult]] = {}
    for search in searches:
        found.setdefault(search.llm, []).append(search)
    return found


def best_search(
    results: Path, profile: str, space: str = "darts", task: str = "", llm: str = ""
) -> SearchResult | None:
    """The finished search of the highest score among those with the profile's own settings, or None.

    Forks of the ablations are left out: together they are many searches, and the best of many is no search's result.
    """
    searches = finished_searches(results, profile, space, task or get_space(space).task, llm)
    return min(searches, key=lambda search: (-search.score, str(search.folder)), default=None)


def require_best_search(
    results: Path, profile: str, space: str = "darts", task: str = "", llm: str = ""
) -> SearchResult:
    """As `best_search`. Raises RunError that names the next steps if none has finished."""
    if found := best_search(results, profile, space, task, llm):
        return found
    task = task or get_space(space).task
    where = f"--space {space} --dataset {task} --profile {profile}"
    asked = f" --llm {llm}" if llm else ""
    raise RunError(
        f"no search of the space {space} on {task} has finished in profile {profile}{f' with {llm}' if llm else ''}. "
        f'Next: "seki supernet {where}", then "seki search --space {space} --task {task}{asked} --profile {profile}".'
    )
