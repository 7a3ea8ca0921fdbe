"""Run what is missing of a profile: Snakemake over the DAG of searches and notebooks (see `Snakefile`)."""

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

from .ablations import full_grid, k_xi_settings, lambda_settings, require_full_grid, trunk
from .errors import AssetError, RunError
from .evaluators.tabular import TABLES
from .jsonl import write_json
from .lock import locked
from .notebook import ROOT, absolute_llm
from .profiles import Profile
from .report.table2 import images_missing
from .runs import RunSpec
from .training.protocol import assets_at_hand, fetch_dataset

STAND_INS = {"cifar10": "scikit-learn's digits", "ptb": "Python's documentation"}  # where data are out of reach


def reproduce(
    profile: Profile,
    llm: str,
    seeds: tuple[int, ...] | None,
    jobs: int,
    results: Path,
    ablations: tuple[int, ...] | None = None,
) -> None:
    """Bring `<results>/<profile>` up to date, print its tables and what was written. Raises RunError if a step failed.

    seeds: of every search, or None for the profile's own; jobs: how many run at once, 0 for one per core; ablations:
    seeds for which all settings of the paper's Tables 5 and 6 are run, or None for what the profile says. Safe to stop
    and to call again: what is done is not done again.
    """
    if ablations:
        require_full_grid(profile)
    results, llm = results.resolve(), absolute_llm(llm)
    folder = results / profile.name
    _require_no_wildcards(results, ROOT, sys.executable, llm)
    _fetch_images_and_text(profile)
    with locked(folder) as lock:
        _write_inputs(folder, profile, llm, seeds, ablations)
        settings = {
            "profile": profile.name,
            "llm": llm,
            "seeds": " ".join(map(str, seeds or profile.seeds)),
            "trans101_seeds": " ".join(map(str, seeds or profile.trans101_seeds)),
            "results": str(results),
            "ablations": " ".join(map(str, ablations)) if ablations else None,
        }
        # The child holds the lock too: should this process be killed, no second Snakemake starts beside the first.
        if _run_and_wait(snakemake(folder, settings, jobs), lock):
            raise RunError(
                "a step failed; its last lines are above and in the notebook or log it names. "
                "The same command goes on from there."
            )
    for table in sorted((folder / "tables").glob("*.md")):
        print(table.read_text(encoding="utf-8"))
    print("Written:")
    for kind in ("tables", "figures", "notebooks"):
        for path in sorted((folder / kind).iterdir()):
            print(f"  {os.path.relpath(path)}")


def _run_and_wait(command: list[str], lock: int) -> int:
    """The exit code of a command. After Ctrl-C, which reaches its steps too, wait until all of them have saved."""
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[lock]) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.wait()
            raise


def snakemake(folder: Path, settings: dict[str, str | None], jobs: int) -> list[str]:
    """The command that runs the DAG in a profile's folder. jobs: how many steps at once, 0 for one per core.

    The settings go through a file: on a command line Snakemake would read them as YAML, and cut some of them.
    """
    write_json(folder / "snakemake.json", settings)
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(folder / "snakemake.json"), "--cores", str(jobs or os.cpu_count() or 1)]
    command += ["--rerun-incomplete", "--rerun-triggers", "mtime", "--nolock"]
    return [*command, "--quiet", "rules", "progress", "host"]


def _require_no_wildcards(*names: object) -> None:
    """Raise RunError for a path in which Snakemake would see a wildcard."""
    for name in map(str, names):
        if "{" in name or "}" in name:
            raise RunError(f"{name} has a brace in it, which Snakemake reads as a wildcard: use a path without braces.")


def _fetch_images_and_text(profile: Profile) -> None:
    """Fetch what trainings read; where it is out of reach, say what takes its place."""
    for dataset, stand_in in STAND_INS.items():
        try:
            fetch_dataset(dataset)
        except AssetError as error:
            print(f"{error}\nWhere the profile allows it, {stand_in} take its place, and the table says so.")
    if "sample" in images_missing(profile.name):
        try:
            fetch_dataset("imagenet_sample")
        except AssetError as error:
            print(f"{error}\nTable 2 will read 'not run'.")


def _write_inputs(
    folder: Path, profile: Profile, llm: str, seeds: tuple[int, ...] | None, ablations: tuple[int, ...] | None
) -> None:
    """What notebooks depend on besides other steps, as files: other settings, data or code make them run again."""
    code, runs = code_hash(), _more_ablations(profile, llm, folder.parent, ablations)
    _write_if_changed(folder / "inputs.json", {"llm": llm, "seeds": seeds, "data": _sources(), "code": code})
    trained = {"data": [assets_at_hand(name) for name in STAND_INS], "imagenet": images_missing(profile.name)}
    _write_if_changed(folder / "trainings.json", {**trained, "code": code})
    _write_if_changed(folder / "ablations.json", {"runs": runs})


def _more_ablations(profile: Profile, llm: str, results: Path, seeds: tuple[int, ...] | None) -> list[str]:
    """Runs of Tables 5 and 6 beyond the profile's own, that are finished or will be: the tables show them too.

    seeds: for which all settings of the paper will be run.
    """
    spec = RunSpec("darts", "cifar10", llm, profile.name, 0)

    def folders(grid: Profile, seeds: tuple[int, ...]) -> set[Path]:
        settings = [trunk(grid), *lambda_settings(grid), *k_xi_settings(grid)]
        return {s.spec(replace(spec, seed=seed), profile).folder(results) for seed in seeds for s in settings}

    done = {path.parent for path in spec.folder(results).parent.parent.glob("*/seed=*/result.json")}
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
    digest = hashlib.sha256()
    for folder in (ROOT / "seki_lib", ROOT / "data"):
        for path in sorted(p for p in folder.rglob("*") if p.suffix in (".py", ".j2", ".csv", ".toml")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def _write_if_changed(path: Path, value: dict[str, Any]) -> None:
    """The notebooks' rules depend on this file, so that other settings, data or code make them run again."""
    value = json.loads(json.dumps(value))
    if not path.exists() or json.loads(path.read_text()) != value:
        write_json(path, value)
