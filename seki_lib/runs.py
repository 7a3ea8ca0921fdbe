"""One search on disk: `<results>/<profile>/searches/<space>/<task>/<llm>/<variant>/seed=<n>/`.

- `config.json`       everything that decides the run
- `transcript.jsonl`  every LLM call
- `history.jsonl`     every evaluated architecture
- `result.json`       the final cell and its test values, read once, when all rounds are done
- `prompts/`          the templates, as they were
- `fork.json`         for a fork: the run and the round that it goes on from

The same command goes on where a killed run stopped, and asks the LLM nothing that was answered.
"""

import hashlib
import json
import os
import re
import shlex
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from . import __version__
from .baselines import BASELINES, run_baseline
from .errors import LLMError, RunError
from .evaluators import Evaluator, get_evaluator
from .evaluators.tabular import TABLES
from .jsonl import read_if_whole, read_json, read_lines, write_json, write_lines, write_text, written_at_once
from .llm import get_llm
from .llm.budget import Budget
from .llm.transcript import Recorder, totals
from .lock import locked
from .profiles import Profile
from .prompts import VARIABLES, Prompts
from .repository import Record, Repository
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
    supernet: str = ""  # kind of supernet that f is read from, of a space without a table; empty: the profile's
    bn: str = ""  # its BN statistics, a key of evaluators.oneshot.BN_MODES; empty: of the batch

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
            word for name in ("supernet", "bn") if (value := getattr(self, name)) for word in (f"--{name}", value)
        ]
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
    until: int | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    **changes: Any,
) -> Path:
    """Run one search to its end, or go on with it; returns its folder.

    until: stop after this round; the same call goes on later, and what shares these rounds can fork meanwhile. changes:
    fields of SearchConfig that differ from the profile's. Raises RunError if the folder is in use or was made with
    other settings, UnknownName, AssetError or LLMError.
    """
    spec = with_prompts(spec, prompts)
    folder = spec.folder(results)
    prepared = _prepare(spec, profile, results, prompts, changes)
    with locked(folder):
        search = _open(spec, results, Repository(folder / "history.jsonl"), *prepared)
        done = len(search.repository.records)
        for step in islice(run(search), None if until is None else max(0, until + 1 - done)):
            on_step(step)
        if len(search.repository.records) == search.config.rounds + 1 and not is_finished(folder):
            _finish(folder, search)
    return folder


@contextmanager
def walk(
    spec: RunSpec, profile: Profile, results: Path, *, prompts: Prompts | None = None, **changes: Any
) -> Iterator[Search]:
    """The same run to be walked from α0 on, as notebooks do: S lives in memory, answers are shared with the run.

    What the run's transcript holds is not asked again, and what is asked here is there for `search_run`.
    """
    spec = with_prompts(spec, prompts)
    prepared = _prepare(spec, profile, results, prompts, changes)
    with locked(spec.folder(results)):
        yield _open(spec, results, Repository(), *prepared)


def rerun(
    spec: RunSpec,
    profile: Profile,
    results: Path,
    *,
    round: int,
    prompts: Prompts | None = None,
    rounds: int | None = None,
    **changes: Any,
) -> Iterator[Step]:
    """Fork a run: its rounds before `round` are shared and not paid for again, from there on it goes its own way.

    The fork is a run of its own, `<variant>,from=<round>`; asked for again it comes from its transcript. rounds: how
    many to run, or None for the rest. Raises RunError if the run does not reach so far, and as `search_run`.
    """
    parent, shared = spec.folder(results), first_rounds(spec, profile, results, round, **changes)
    names = [spec.variant] if spec.variant != "default" or not prompts else []
    names += [f"prompts={prompts.hash}"] if prompts else []
    fork = replace(spec, variant=",".join([*names, f"from={round}"]))
    prompts = prompts or kept_prompts(parent)
    folder, prepared = fork.folder(results), _prepare(fork, profile, results, prompts, changes)
    with locked(folder):
        origin = {"of": os.path.relpath(parent, results), "round": round, "history": [asdict(r) for r in shared]}
        _write_origin(folder / "fork.json", origin, folder, parent)
        search = _open(fork, results, Repository(), *prepared)
        on_disk = Repository(folder / "history.jsonl")
        for record in shared:
            search.repository.append(record)
            if len(on_disk.records) == record.round:
                on_disk.append(record)
        for step in islice(run(search), rounds):
            if len(on_disk.records) == step.record.round:
                on_disk.append(step.record)
            yield step
        if len(on_disk.records) == search.config.rounds + 1 and not is_finished(folder):
            _finish(folder, search)


def fork_run(
    spec: RunSpec,
    of: RunSpec,
    profile: Profile,
    results: Path,
    *,
    round: int,
    on_step: Callable[[Step], None] = lambda step: None,
    **changes: Any,
) -> Path:
    """A run that shares the rounds up to `round` of another one of the same seed; returns its folder.

    They are copied with their LLM calls, and from then on it is a run like any other, whose history equals that of a
    separate one: what self-evolution does depends on neither λ, k nor ξ, and every random choice on its place only.
    Raises RunError if the other run does not reach so far or differs in anything but `changes`.
    """
    folder, parent = spec.folder(results), of.folder(results)
    with locked(folder):
        if not (folder / "history.jsonl").exists():
            evaluator, llm, prompts, config = _prepare(spec, profile, results, None, changes)
            _require_common(parent, _description(spec, config, llm, prompts, evaluator), round)
            shared = first_rounds(of, profile, results, round + 1)
            calls = [line for line in read_lines(parent / "transcript.jsonl") if (line["round"] or 0) <= round]
            write_json(folder / "fork.json", {"of": os.path.relpath(parent, results), "round": round})
            known = {call["key"] for call in calls}  # what a notebook asked here before stays: it was paid for
            calls += [line for line in read_lines(folder / "transcript.jsonl") if line["key"] not in known]
            write_lines(folder / "transcript.jsonl", calls)
            write_lines(folder / "history.jsonl", [asdict(record) for record in shared])
    return search_run(spec, profile, results, on_step=on_step, **changes)


AFTER_SELF_EVOLUTION = ("rounds", "lam", "k", "xi")  # settings that its rounds do not depend on


def _require_common(parent: Path, here: dict[str, Any], round: int) -> None:
    """Raise RunError unless the self-evolution rounds up to `round` of both runs must be the same."""
    if not (parent / "config.json").exists():
        raise RunError(f"{parent} holds no run to fork from: run it first.")
    there = read_json(parent / "config.json")
    differing = [key for key in differences(there, here) if key not in ("run", "search")]
    differing += [f"run.{key}" for key in here["run"] if key != "variant" and there["run"].get(key) != here["run"][key]]
    differing += [
        f"search.{key}"
        for key, value in here["search"].items()
        if key not in AFTER_SELF_EVOLUTION and there["search"].get(key) != value
    ]
    if differing:
        raise RunError(f"{parent} cannot be forked: it was made with other settings ({', '.join(differing)}).")
    if round > min(there["search"]["lam"], here["search"]["lam"]):
        raise RunError(f"{parent} shares its rounds of self-evolution only, which end before round {round}.")


def first_rounds(spec: RunSpec, profile: Profile, results: Path, count: int, **changes: Any) -> list[Record]:
    """The records of rounds 0 to count - 1, from the run's history or, where it was only walked, from its transcript.

    Raises RunError if the run does not reach so far.
    """
    folder = spec.folder(results)
    records = Repository(folder / "history.jsonl").records[:count]
    if 1 <= count <= len(records):
        return records
    if count >= 1 and (folder / "transcript.jsonl").exists():
        with walk(spec, profile, results, prompts=kept_prompts(folder), **changes) as search:
            search.llm = Recorder(folder / "transcript.jsonl", None)
            try:
                records = [step.record for _, step in zip(range(count), run(search), strict=False)]
            except LLMError:
                records = search.repository.records
        if len(records) == count:
            return records
    raise RunError(f"{folder} holds {len(records)} rounds, α0 counted: it cannot be run anew from round {count}.")


def kept_prompts(folder: Path) -> Prompts | None:
    """The templates of a run that are not the default ones, or None."""
    paths = [folder / "prompts" / f"{stage}.md.j2" for stage in VARIABLES]
    if not paths[0].exists():
        return None
    prompts = Prompts(*(path.read_text(encoding="utf-8") for path in paths))
    default = Prompts.load(read_json(folder / "config.json")["llm"]["templates"])
    return None if prompts == default else prompts


def with_prompts(spec: RunSpec, prompts: Prompts | None) -> RunSpec:
    """A run with edited prompts is a variant that carries their hash, unless it has a name already."""
    if prompts is None or spec.variant != "default":
        return spec
    return replace(spec, variant=f"prompts={prompts.hash}")


def evaluator_of(spec: RunSpec, results: Path) -> Any:
    """What scores the cells of a run: a benchmark's table, or the supernet that its profile trained."""
    if spec.space in TABLES:
        return get_evaluator("tabular", space=spec.space, task=spec.task)
    options: dict[str, Any] = {"profile": spec.profile, "results": results, "supernet": spec.supernet}
    if spec.space == "darts_rnn":
        return get_evaluator("rnn", space=spec.space, task=spec.task, **options)
    return get_evaluator("oneshot", space=spec.space, task=spec.task, bn=spec.bn or "batch", **options)


def _prepare(
    spec: RunSpec, profile: Profile, results: Path, prompts: Prompts | None, changes: dict[str, Any]
) -> tuple[Any, Any, Prompts, SearchConfig]:
    """Evaluator, LLM, prompts and config: every name and setting is checked before anything is written."""
    evaluator = evaluator_of(spec, results)
    llm = get_llm(spec.llm)
    prompts = prompts or Prompts.load(llm.templates, **getattr(llm, "texts", {}))  # a replay brings those of its run
    return evaluator, llm, prompts, search_config(profile, llm, spec.seed, **changes)


def _open(
    spec: RunSpec,
    results: Path,
    repository: Repository,
    evaluator: Any,
    llm: Any,
    prompts: Prompts,
    config: SearchConfig,
) -> Search:
    folder = spec.folder(results)
    if not is_finished(folder):
        # what is missing is missed before anything is written or asked; a table has nothing to load
        getattr(evaluator, "load", lambda: None)()
    _claim(folder, _description(spec, config, llm, prompts, evaluator))
    for stage in VARIABLES:  # the texts themselves, so that a replay does not depend on today's defaults
        write_text(folder / "prompts" / f"{stage}.md.j2", prompts.text(stage))
    recorder = Recorder(folder / "transcript.jsonl", llm, budget=Budget(results / spec.profile))
    return Search(get_space(spec.space), evaluator, recorder, prompts, repository, config)


def reaches(folder: Path, round: int) -> bool:
    """Whether a run's history holds this round; another process may be going on with it."""
    return len(Repository(folder / "history.jsonl").records) > round


def is_finished(folder: Path) -> bool:
    """Whether all rounds were run and the final cell was read; a damaged result is said and made again."""
    return read_if_whole(folder / "result.json") is not None


def _description(
    spec: RunSpec, config: SearchConfig, llm: Any, prompts: Prompts, evaluator: Evaluator
) -> dict[str, Any]:
    source = evaluator.source
    return {
        "run": {name: value for name, value in asdict(spec).items() if value != ""},
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
        there = read_json(
            path, "Remove it and history.jsonl: the same command goes on from the answers in transcript.jsonl"
        )
        if differing := differences(there, description):
            raise RunError(
                f"{folder} was made with other settings ({', '.join(differing)} in config.json). "
                "Choose another --variant, or move the folder away to start anew."
            )
        return
    write_json(path, description)


def _write_origin(path: Path, origin: dict[str, Any], folder: Path, parent: Path) -> None:
    """Write fork.json, or make sure that it holds the same history: measured times aside, which no two walks share."""

    def timeless(content: dict[str, Any]) -> dict[str, Any]:
        return content | {"history": [record | {"seconds": 0.0} for record in content["history"]]}

    if not path.exists():
        write_json(path, origin)
    elif timeless(read_json(path)) != timeless(origin):
        raise RunError(f"{folder} was forked from another history of {parent}. Remove the folder to start anew.")


def _finish(folder: Path, search: Search) -> None:
    """Read the final cell once, test values too, and close the run."""
    best = search.repository.best()
    result = {
        "architecture": best.architecture,
        "round": best.round,
        "score": best.score,
        "evaluations": len(search.repository.records),
        "final": search.evaluator.final(search.space.parse(best.architecture)),
        "how": dict(Counter(record.how for record in search.repository.records)),
        "distinct": len({record.canonical for record in search.repository.records}),
        **totals(folder / "transcript.jsonl"),
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
    start = "" if alpha0 == "random" else f",alpha0={folder_name(alpha0)}"
    path = results / profile.name / "baselines" / space / task / f"evaluations={evaluations}{start}.npz"
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
