"""One search on disk: `<results>/<profile>/searches/<space>/<task>/<llm>/<variant>/seed=<n>/`.

- `config.json`       everything that decides the run
- `transcript.jsonl`  every LLM call
- `history.jsonl`     every evaluated architecture
- `result.json`       the final cell and its test values, read once, when all rounds are done

The same command goes on where a killed run stopped, and asks the LLM nothing that was answered.
"""

import hashlib
import json
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .baselines import BASELINES, run_baseline
from .errors import RunError
from .evaluators import Evaluator, get_evaluator
from .jsonl import read_lines, write_json, written_at_once
from .llm import get_llm
from .llm.transcript import Recorder
from .lock import locked
from .profiles import Profile
from .prompts import Prompts
from .repository import Repository
from .search import Search, SearchConfig, Step, run
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
        return shlex.join([*words, "--results", str(results)])


def folder_name(llm: str) -> str:
    """An LLM's name as one folder: `local:smollm2-135m` -> `local-smollm2-135m`; a long one is cut and hashed."""
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", llm).strip("-")
    return slug if len(slug) <= 60 else f"{slug[:20]}-{hashlib.sha256(llm.encode()).hexdigest()[:10]}"


def search_config(profile: Profile, llm: Any, seed: int, **changes: Any) -> SearchConfig:
    """The profile's sizes, asked the way this LLM likes to be asked; a replayed LLM brings the settings of its run."""
    recorded = getattr(llm, "recorded", None)
    if recorded:
        return replace(SearchConfig(**recorded["search"]), seed=seed, **changes)
    config = SearchConfig(rounds=profile.rounds, lam=profile.lam, k=profile.k, xi=profile.xi, seed=seed)
    return replace(config, notation=llm.notation, strategy=llm.strategy, **changes)


def search_run(
    spec: RunSpec,
    profile: Profile,
    results: Path,
    *,
    prompts: Prompts | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    **changes: Any,
) -> Path:
    """Run one search to its end, or go on with it; returns its folder.

    changes: fields of SearchConfig that differ from the profile's. Raises RunError if the folder is in use or was made
    with other settings, UnknownName, AssetError or LLMError.
    """
    folder = spec.folder(results)
    prepared = _prepare(spec, profile, prompts, changes)
    with locked(folder):
        search = _open(spec, folder, Repository(folder / "history.jsonl"), *prepared)
        for step in run(search):
            on_step(step)
        if not is_finished(folder):
            _finish(folder, search)
    return folder


@contextmanager
def walk(
    spec: RunSpec, profile: Profile, results: Path, *, prompts: Prompts | None = None, **changes: Any
) -> Iterator[Search]:
    """The same run to be walked from α0 on, as notebooks do: S lives in memory, answers are shared with the run.

    What the run's transcript holds is not asked again, and what is asked here is there for `search_run`.
    """
    folder = spec.folder(results)
    prepared = _prepare(spec, profile, prompts, changes)
    with locked(folder):
        yield _open(spec, folder, Repository(), *prepared)


def _prepare(
    spec: RunSpec, profile: Profile, prompts: Prompts | None, changes: dict[str, Any]
) -> tuple[Any, Any, Prompts, SearchConfig]:
    """Evaluator, LLM, prompts and config: every name and setting is checked before anything is written."""
    evaluator = get_evaluator("tabular", space=spec.space, task=spec.task)
    llm = get_llm(spec.llm)
    return evaluator, llm, prompts or Prompts.load(llm.templates), search_config(profile, llm, spec.seed, **changes)


def _open(
    spec: RunSpec,
    folder: Path,
    repository: Repository,
    evaluator: Any,
    llm: Any,
    prompts: Prompts,
    config: SearchConfig,
) -> Search:
    _claim(folder, _description(spec, config, llm, prompts, evaluator))
    recorder = Recorder(folder / "transcript.jsonl", llm)
    return Search(get_space(spec.space), evaluator, recorder, prompts, repository, config)


def is_finished(folder: Path) -> bool:
    """Whether all rounds were run and the final cell was read."""
    return (folder / "result.json").is_file()


def _description(
    spec: RunSpec, config: SearchConfig, llm: Any, prompts: Prompts, evaluator: Evaluator
) -> dict[str, Any]:
    source = evaluator.source
    return {
        "run": asdict(spec),
        "search": asdict(config),
        "llm": {"name": llm.name, "templates": llm.templates, **llm.settings},
        "prompts": prompts.hashes,
        "data": {"name": source.name, "sha256": source.sha256, "sentence": source.sentence},
        "code": __version__,
    }


def differences(a: dict[str, Any], b: dict[str, Any]) -> list[str]:
    """What keeps two runs from being one: keys of config.json that differ, code version and file format aside."""

    def decisive(config: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in config.items() if key != "code"} | {"data": config["data"]["name"]}

    return [key for key, value in decisive(b).items() if decisive(a).get(key) != value]


def _claim(folder: Path, description: dict[str, Any]) -> None:
    """Write config.json, or make sure that the folder was made with the same settings."""
    path = folder / "config.json"
    if path.exists():
        there = json.loads(path.read_text())
        if differing := differences(there, description):
            raise RunError(
                f"{folder} was made with other settings ({', '.join(differing)} in config.json). "
                "Choose another --variant, or move the folder away to start anew."
            )
        return
    write_json(path, description)


def _finish(folder: Path, search: Search) -> None:
    """Read the final cell once, test values too, and close the run."""
    best = search.repository.best()
    calls = list(read_lines(folder / "transcript.jsonl"))
    result = {
        "architecture": best.architecture,
        "round": best.round,
        "score": best.score,
        "evaluations": len(search.repository.records),
        "final": search.evaluator.final(search.space.parse(best.architecture)),
        "how": dict(Counter(record.how for record in search.repository.records)),
        "distinct": len({record.canonical for record in search.repository.records}),
        "calls": len(calls),
        "tokens": {key: sum(c["usage"].get(key, 0) for c in calls) for key in ("prompt_tokens", "completion_tokens")},
        "llm_seconds": round(sum(c["seconds"] for c in calls), 2),
    }
    write_json(folder / "result.json", result)


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
    space: str, task: str, profile: Profile, results: Path, *, evaluations: int, alpha0: str = "random"
) -> BaselineRuns:
    """All baselines for `profile.baseline_seeds` seeds, computed once and kept as one `.npz` with its settings."""
    evaluator = get_evaluator("tabular", space=space, task=task)
    settings = json.dumps(
        {"data": evaluator.source.sha256, "seeds": profile.baseline_seeds, "alpha0": alpha0, "code": __version__}
    )
    path = results / profile.name / "baselines" / space / task / f"evaluations={evaluations}.npz"
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
            run_baseline(name, get_space(space), evaluator, evaluations=evaluations, seed=seed, alpha0=alpha0)
            for seed in range(profile.baseline_seeds)
        ]
        finals = [evaluator.final(run.best) for run in runs]
        columns = tuple(finals[0])
        scores[name] = np.array([run.scores for run in runs])
        values[name] = np.array([list(final.values()) for final in finals])
    arrays = {f"{name}_scores": scores[name] for name in BASELINES} | {
        f"{name}_values": values[name] for name in BASELINES
    }
    with written_at_once(path) as part:
        np.savez_compressed(part, allow_pickle=False, settings=np.array(settings), columns=np.array(columns), **arrays)
    return BaselineRuns(columns, scores, values)
