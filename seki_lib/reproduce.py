"""Run what is missing of a profile: Snakemake over the DAG of searches and notebooks (see `Snakefile`)."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from .ablations import full_grid, k_xi_settings, lambda_settings, require_full_grid, trunk
from .errors import AssetError, RunError
from .evaluators.tabular import TABLES
from .fingerprint import fingerprint
from .jsonl import write_json
from .llm import get_llm
from .lock import locked
from .notebook import ROOT
from .profiles import Profile
from .prompts import Prompts
from .report.table2 import images_missing
from .runs import RunSpec, search_config
from .training.language_protocol import language_protocol
from .training.protocol import SUPERNETS, assets_at_hand, fetch_dataset, get_protocol


def reproduce(
    profile: Profile,
    llm: str,
    seeds: tuple[int, ...] | None,
    jobs: int,
    results: Path,
    ablations: tuple[int, ...] | None = None,
    plan: bool = False,
) -> None:
    """Bring `<results>/<profile>` up to date, print its tables and what was written. Raises RunError if a step failed.

    seeds: of every search, or None for the profile's own; jobs: how many run at once, 0 for one per core; ablations:
    seeds for which all settings of the paper's Tables 5 and 6 are run, or None for what the profile says; plan: only
    print which jobs would run. Safe to stop and to call again: what is done is not done again, but for what other code,
    prompts or data decide now. What was made before stays beside it.
    """
    if ablations:
        require_full_grid(profile)
    stand_ins = {"cifar10": "scikit-learn's digits", "ptb": "Python's documentation"}
    for dataset, stand_in in stand_ins.items():
        try:
            fetch_dataset(dataset)
        except AssetError as error:
            print(f"{error}\nWhere the profile allows it, {stand_in} take its place, and the table says so.")
    if "sample" in images_missing(profile.name):
        try:
            fetch_dataset("imagenet_sample")
        except AssetError as error:
            print(f"{error}\nTable 2 will read 'not run'.")
    results = results.resolve()
    folder = results / profile.name
    llm = _absolute(llm)
    with locked(folder) as lock:
        _forget_removed(folder)
        for name, value in _deciding_code(profile, llm).items():
            _write_if_changed(folder / "code" / f"{name}.json", value)
        _write_if_changed(folder / "inputs.json", {"llm": llm, "seeds": seeds, "data": _sources(), "code": code_hash()})
        _write_if_changed(
            folder / "trainings.json",
            {
                "data": [assets_at_hand(name) for name in stand_ins],
                "imagenet": images_missing(profile.name),
                "code": code_hash(),
            },
        )
        _write_if_changed(folder / "ablations.json", {"runs": _more_ablations(profile, llm, results, ablations)})
        command = [
            sys.executable,
            "-m",
            "snakemake",
            "--snakefile",
            str(ROOT / "Snakefile"),
            "--directory",
            str(folder),
        ]
        command += ["--cores", str(jobs or os.cpu_count() or 1), "--rerun-incomplete", "--rerun-triggers", "mtime"]
        command += ["--nolock", *(["--dry-run"] if plan else ["--quiet", "rules", "progress", "host"])]
        settings = {
            "profile": profile.name,
            "llm": llm,
            "seeds": " ".join(map(str, seeds or profile.seeds)),
            "trans101_seeds": " ".join(map(str, seeds or profile.trans101_seeds)),
            "results": str(results),
            "ablations": " ".join(map(str, ablations or ())),
        }
        command += ["--config", *(f"{name}={value}" for name, value in settings.items())]
        # The child holds the lock too: should this process be killed, no second Snakemake starts beside the first.
        if subprocess.run(command, cwd=ROOT, pass_fds=[lock]).returncode:
            raise RunError(
                "a step failed; its last lines are above and in the notebook or log it names. "
                "The same command goes on from there."
            )
    if plan:
        return
    for table in sorted((folder / "tables").glob("*.md")):
        print(table.read_text(encoding="utf-8"))
    print("Written:")
    for kind in ("tables", "figures", "notebooks"):
        for path in sorted((folder / kind).iterdir()):
            print(f"  {os.path.relpath(path)}")


def _more_ablations(profile: Profile, llm: str, results: Path, seeds: tuple[int, ...] | None) -> list[str]:
    """Runs of Tables 5 and 6 beyond the profile's own, that are finished or will be: the tables show them too.

    seeds: for which all settings of the paper will be run.
    """
    spec = RunSpec("darts", "cifar10", llm, profile.name, 0)

    def folders(grid: Profile, seeds: tuple[int, ...]) -> set[Path]:
        settings = [trunk(grid), *lambda_settings(grid), *k_xi_settings(grid)]
        return {s.spec(replace(spec, seed=seed), profile).folder(results) for seed in seeds for s in settings}

    home = spec.folder(results).parent.parent
    done = {path.parent for path in home.glob("*/seed=*/result.json") if ",code=" not in path.parent.parent.name}
    done |= folders(full_grid(profile), seeds) if seeds else set()
    return sorted(str(path.relative_to(results)) for path in done - folders(profile, profile.ablation_seeds))


def _sources() -> dict[str, str]:
    """The data that searches will see, by space. Raises AssetError without a table of nas201; the others may lack."""
    sources = {}
    for space, load in TABLES.items():
        try:
            sources[space] = load().source.name
        except AssetError:
            if space == "nas201":
                raise
            sources[space] = "none"
    return sources


def code_hash() -> str:
    """A hash of the library, its templates and the typed tables: what else decides a notebook's output."""
    package = ROOT / "seki_lib"
    modules = [".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*.py")]
    digest = hashlib.sha256(fingerprint(*(name for name in modules if not name.endswith("__init__"))).encode())
    for folder in (package, ROOT / "data"):
        for path in sorted(p for p in folder.rglob("*") if p.suffix in (".j2", ".csv", ".toml")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _deciding_code(profile: Profile, llm: str) -> dict[str, dict[str, Any]]:
    """What decides searches, supernets and trainings by code and defaults: the DAG runs their commands if it changes.

    Each command looks for itself what changed, keeps what it made before, and redoes what has to be redone.
    """
    asked = get_llm(llm)
    search = {
        "llm": asked.settings,
        "prompts": Prompts.load(asked.templates).hashes,
        "search": asdict(search_config(profile, asked, 0)),
    }
    kinds = {"nas201": "tabular", "trans101": "tabular", "darts": "oneshot"}
    found: dict[str, dict[str, Any]] = {
        f"search-{space}": search | {"code": fingerprint("search.algorithm", f"spaces.{space}", f"evaluators.{kind}")}
        for space, kind in kinds.items()
    }
    for space, config in SUPERNETS[profile.name].items():
        module = "training.language_model" if space == "darts_rnn" else "training.supernet"
        found[f"supernet-{space}"] = {"code": fingerprint(module, f"spaces.{space}"), "config": asdict(config)}
    found["training-darts"] = {"code": fingerprint("training.classifier"), "config": asdict(get_protocol(profile.name))}
    language = asdict(language_protocol(profile.name))
    found["training-darts_rnn"] = {"code": fingerprint("training.language_model"), "config": language}
    return found


def _forget_removed(folder: Path) -> None:
    """Take the marks away of results that somebody removed, so that they are made again."""
    for mark in (folder / "done").rglob("seed=*"):
        result = folder / mark.relative_to(folder / "done").with_name(mark.name.partition(",")[0]) / "result.json"
        if mark.is_file() and not result.is_file():
            mark.unlink()


def _write_if_changed(path: Path, value: dict[str, Any]) -> None:
    """The notebooks' rules depend on this file, so that other settings, data or code make them run again."""
    value = json.loads(json.dumps(value))
    if not path.exists() or json.loads(path.read_text()) != value:
        write_json(path, value)


def _absolute(llm: str) -> str:
    """A replayed run's folder, or a model's file, as an absolute path: jobs run in other folders."""
    provider, _, model = llm.partition(":")
    is_path = provider == "replay" or model.endswith(".gguf")
    return f"{provider}:{Path(model).expanduser().resolve()}" if is_path else llm
