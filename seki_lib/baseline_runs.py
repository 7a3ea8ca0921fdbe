"""Searches without an LLM, run for many seeds once and kept in `baselines/<space>/<task>/evaluations=<n>.npz`.

Those of another evaluator than the benchmark's table carry its name: `evaluations=<n>,evaluator=surrogate-ridge.npz`.
The arms of notebook 21 that ask no LLM are kept in the same form, a file each: `evaluations=<n>,arm=null.npz`.
"""

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from random import Random
from typing import Any
from zipfile import BadZipFile

import numpy as np

from .evaluators import get_evaluator
from .files.errors import say_once
from .files.fingerprint import fingerprint
from .files.jsonl import written_at_once
from .llm import get_llm
from .profiles import Profile
from .prompts import Prompts
from .results import Home, folder_name
from .runs import search_config
from .search import Repository, Search, initial_architecture
from .search.arms import get_arm
from .search.baselines import BASELINES, BaselineRun, by_frequencies, play, run_baseline
from .spaces import get_space

CHANCE_SHARE = 10  # a run by chance takes ten times as long as one of a baseline, so a tenth of the seeds is run


@dataclass(frozen=True)
class BaselineRuns:
    """Runs of some baselines at one budget. scores[name]: (seeds, evaluations); values[name]: (seeds, columns)."""

    columns: tuple[str, ...]
    scores: dict[str, np.ndarray]
    values: dict[str, np.ndarray]

    def finals(self, name: str) -> list[dict[str, float]]:
        """Every column's value of each run's final cell."""
        return [dict(zip(self.columns, map(float, row), strict=True)) for row in self.values[name]]

    def best_so_far(self, name: str) -> np.ndarray:
        """(seeds, evaluations): the highest score up to and with each evaluation."""
        best: np.ndarray = np.maximum.accumulate(self.scores[name], axis=1)
        return best


def baseline_runs(
    space: str,
    task: str,
    profile: Profile,
    results: Path,
    *,
    evaluations: int,
    alpha0: str = "random",
    evaluator: str = "tabular",
    seeds: int = 0,
) -> BaselineRuns:
    """All baselines for the seeds from 0 on; computed anew where the code, the data or a setting changed.

    evaluator: what gives f, as `get_evaluator` takes it, such as "surrogate:ridge". seeds: how many; if 0,
    `profile.baseline_seeds`.
    """
    seeds = seeds or profile.baseline_seeds
    judge = get_evaluator(evaluator, space=space, task=task)
    code = fingerprint("search.baselines", f"spaces.{space}", type(judge).__module__.partition(".")[2])
    asked = {"space": space, "task": task, "evaluations": evaluations, "seeds": seeds, "alpha0": alpha0}
    settings = json.dumps(asked | {"data": judge.source.sha256, "code": code})
    judged = "" if evaluator == "tabular" else f",evaluator={folder_name(evaluator)}"
    start = "" if alpha0 == "random" else f",alpha0={folder_name(alpha0)}"
    path = Home(results, profile.name).baselines(space, task) / f"evaluations={evaluations}{start}{judged}.npz"

    def one(name: str, seed: int) -> BaselineRun:
        return run_baseline(name, get_space(space), judge, evaluations=evaluations, seed=seed, alpha0=alpha0)

    return _kept(path, settings, judge, (seeds, evaluations), {name: partial(one, name) for name in BASELINES})


def arm_runs(
    arm: str,
    profile: Profile,
    results: Path,
    *,
    shares: Sequence[Sequence[float]] = (),
) -> BaselineRuns:
    """An arm of notebook 21 that asks no LLM, on NAS-Bench-201, from a random α0, at the profile's budget.

    Of a baseline for `profile.baseline_seeds` seeds from 0 on, of a search by chance for a tenth of them. shares: of
    the arm `frequencies`, see `by_frequencies`.
    """
    declared, judge = get_arm(arm), get_evaluator("tabular", space="nas201", task="cifar10")
    seeds = max(20, profile.baseline_seeds // (1 if declared.proposer else CHANCE_SHARE))
    code = fingerprint("search.arms", "search.baselines", "llm.chance", "spaces.nas201", "evaluators.tabular")
    sizes = [profile.rounds, profile.lam, profile.k, profile.xi]
    settings = json.dumps(
        {"arm": arm, "data": judge.source.sha256, "seeds": seeds, "alpha0": "random", "sizes": sizes, "code": code}
    )
    drawn = f",shares={hashlib.sha256(str(shares).encode()).hexdigest()[:8]}" if shares else ""
    name = f"evaluations={profile.rounds + 1},arm={arm}{drawn}.npz"
    path = Home(results, profile.name).baselines("nas201", "cifar10") / name
    one = partial(run_arm, arm, judge, profile, "random", shares=shares)
    return _kept(path, settings, judge, (seeds, profile.rounds + 1), {arm: one})


def run_arm(
    arm: str, judge: Any, profile: Profile, alpha0: str, seed: int, *, shares: Sequence[Sequence[float]] = ()
) -> BaselineRun:
    """One seed of such an arm, in memory."""
    declared, space = get_arm(arm), get_space("nas201")
    if shares:
        start = initial_architecture(space, alpha0, seed)
        proposals = by_frequencies(shares)(space, start, Random(f"{arm}/{seed}"))
        return play(proposals, space, judge, profile.rounds + 1, novel=True)
    if declared.proposer:
        return run_baseline(
            declared.proposer, space, judge, evaluations=profile.rounds + 1, seed=seed, alpha0=alpha0,
            novel=declared.novel,
        )  # fmt: skip
    llm = get_llm(declared.llm)
    config = search_config(profile, llm, seed, alpha0=alpha0, **declared.settings(profile.rounds))
    prompts, spelled = declared.prompts(Prompts.load(llm.templates), llm.templates), declared.space(space, seed)
    search = Search(spelled, judge, llm, prompts, Repository(), config)
    records = [step.record for step in declared.rounds(search)]
    return BaselineRun([record.score for record in records], space.parse(search.repository.best().architecture))


def _kept(
    path: Path, settings: str, judge: Any, shape: tuple[int, int], makers: Mapping[str, Callable[[int], BaselineRun]]
) -> BaselineRuns:
    """The runs that this file keeps, if they were made with these settings; else they are made and kept.

    shape: (seeds, evaluations). A file that is damaged is said, and made anew.
    """
    if path.exists():
        try:
            if kept := _read(path, settings, shape, list(makers)):
                return kept
        except (OSError, EOFError, KeyError, ValueError, BadZipFile) as error:
            say_once(f"{path} is damaged ({error}): its runs are made again.")
    scores, values, columns = {}, {}, ()
    for name, make in makers.items():
        runs = [make(seed) for seed in range(shape[0])]
        finals = [judge.final(run.best) for run in runs]
        columns = tuple(finals[0])
        scores[name] = np.array([run.scores for run in runs])
        values[name] = np.array([list(final.values()) for final in finals])
    arrays = {f"{name}_scores": scores[name] for name in makers} | {f"{name}_values": values[name] for name in makers}
    with written_at_once(path) as part:
        np.savez_compressed(part, allow_pickle=False, settings=np.array(settings), columns=np.array(columns), **arrays)
    return BaselineRuns(columns, scores, values)


def _read(path: Path, settings: str, shape: tuple[int, int], names: Sequence[str]) -> BaselineRuns | None:
    """What a file keeps; None if it was made with other settings. Raises ValueError or what numpy raises if damaged."""
    with np.load(path) as kept:
        if str(kept["settings"]) != settings:
            return None
        columns = tuple(kept["columns"].tolist())
        scores, values = ({name: kept[f"{name}_{kind}"] for name in names} for kind in ("scores", "values"))
    rows = {array.shape for array in scores.values()} | {(len(array), shape[1]) for array in values.values()}
    if rows != {shape} or not all(np.isfinite(array).all() for array in scores.values()):
        raise ValueError(f"not all of its scores are {shape[0]} x {shape[1]} finite numbers")
    return BaselineRuns(columns, scores, values)
