"""Baselines of a profile, computed once and kept in `baselines/<space>/<task>/evaluations=<n>.npz`.

Those of another evaluator than the benchmark's table carry its name: `evaluations=<n>,evaluator=surrogate-ridge.npz`.
"""

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .evaluators import get_evaluator
from .files.fingerprint import fingerprint
from .files.jsonl import written_at_once
from .profiles import Profile
from .results import Home, folder_name
from .search.baselines import BASELINES, run_baseline
from .spaces import get_space


@dataclass(frozen=True)
class BaselineRuns:
    """Runs of all baselines at one budget. scores[name]: (seeds, evaluations); values[name]: (seeds, columns)."""

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
    settings = json.dumps({"data": judge.source.sha256, "seeds": seeds, "alpha0": alpha0, "code": code})
    judged = "" if evaluator == "tabular" else f",evaluator={folder_name(evaluator)}"
    start = "" if alpha0 == "random" else f",alpha0={folder_name(alpha0)}"
    path = Home(results, profile.name).baselines(space, task) / f"evaluations={evaluations}{start}{judged}.npz"
    if path.exists():
        with np.load(path) as kept:
            if str(kept["settings"]) == settings:
                return BaselineRuns(
                    tuple(kept["columns"].tolist()),
                    {name: kept[f"{name}_scores"] for name in BASELINES},
                    {name: kept[f"{name}_values"] for name in BASELINES},
                )
    scores, values, columns = {}, {}, ()
    for name in BASELINES:
        runs = [
            run_baseline(name, get_space(space), judge, evaluations=evaluations, seed=seed, alpha0=alpha0)
            for seed in range(seeds)
        ]
        finals = [judge.final(run.best) for run in runs]
        columns = tuple(finals[0])
        scores[name] = np.array([run.scores for run in runs])
        values[name] = np.array([list(final.values()) for final in finals])
    arrays = {f"{name}_scores": scores[name] for name in BASELINES} | {
        f"{name}_values": values[name] for name in BASELINES
    }
    with written_at_once(path) as part:
        np.savez_compressed(part, allow_pickle=False, settings=np.array(settings), columns=np.array(columns), **arrays)
    return BaselineRuns(columns, scores, values)
