"""Run what is missing of a profile: Snakemake over the DAG of searches and notebooks (see `Snakefile`)."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

from ..datasets.at_hand import assets_at_hand, fetch_dataset
from ..evaluators.tabular import TABLES
from ..files.errors import AssetError, RunError
from ..files.fingerprint import fingerprint
from ..files.jsonl import write_json
from ..files.lock import locked
from ..llm import get_llm
from ..paper import Edition, Search, needs_of
from ..paper.here import edition_here, why_no_trans101
from ..paper.settings import require_full_grid
from ..profiles import Profile, get_profile
from ..prompts import Prompts
from ..results import Home, RunSpec
from ..runs import search_config
from ..spaces import SPACES
from ..training.language_protocol import language_protocol
from ..training.protocol import SUPERNETS, get_protocol, images_missing
from .notebook import ROOT, absolute_llm

STAND_INS = {"cifar10": "scikit-learn's digits", "ptb": "Python's documentation"}  # where data are out of reach


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

    seeds: of searches on benchmarks' tables, or None for the profile's own; jobs: how many run at once, 0 for one per
    core; ablations: seeds for which all settings of the paper's Tables 5 and 6 are run, or None for what the profile
    says; plan: only print which jobs would run. Safe to stop and to call again: what is done is not done again, unless
    the code, prompts or data that decide it have changed since. What was made before stays beside it.
    """
    if ablations:
        require_full_grid(profile)
    results, llm = results.resolve(), absolute_llm(llm)
    home = Home(results, profile.name)
    folder = home.folder
    _require_no_wildcards(results, ROOT, sys.executable, llm)
    _fetch_images_and_text(profile)
    edition = edition_here(profile, llm, seeds, ablations or ())
    with locked(folder) as lock:
        _forget_removed(home)
        for name, value in _notes(edition, results).items():
            _write_if_changed(folder / f"{name}.json", value)
        # The child holds the lock too: should this process be killed, no second Snakemake starts beside the first.
        if _run_and_wait(snakemake(folder, jobs, plan), lock):
            raise RunError(
                "a step failed; its last lines are above and in the notebook or log it names. "
                "The same command goes on from there."
            )
    if plan:
        return
    for table in sorted(home.tables.glob("*.md")):
        print(table.read_text(encoding="utf-8"))
    print("Written:")
    for written in (home.tables, home.figures, home.notebooks):
        for path in sorted(written.iterdir()):
            print(f"  {os.path.relpath(path)}")


def _run_and_wait(command: list[str], lock: int) -> int:
    """The exit code of a command. After Ctrl-C, which reaches its steps too, wait until all of them have saved."""
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[lock]) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.wait()
            raise


def snakemake(folder: Path, jobs: int, plan: bool = False) -> list[str]:
    """The command that runs the DAG in a profile's folder, or prints what it would run. jobs: 0 for one per core.

    The settings go through a file: on a command line Snakemake would read them as YAML, and cut some of them.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(folder / "edition.json"), "--cores", str(jobs or os.cpu_count() or 1)]
    command += ["--rerun-incomplete", "--rerun-triggers", "mtime", "--nolock"]
    return [*command, "--dry-run", "--printshellcmds"] if plan else [*command, "--quiet", "rules", "progress", "host"]


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


def read_edition(noted: Mapping[str, Any]) -> Edition:
    """The edition that `seki reproduce` noted for the DAG, in edition.json."""
    values = {field.name: noted[field.name] for field in fields(Edition)}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return Edition(**values | {"profile": get_profile(noted["profile"])})


def _notes(edition: Edition, results: Path) -> dict[str, dict[str, Any]]:
    """Files of the profile's folder -> what they say. The DAG runs again what depends on one that changes."""
    profile, code = edition.profile, code_hash()
    here = {"profile": profile.name, "results": str(results), "no_trans101": why_no_trans101()}
    seeds = [edition.seeds, edition.trans101_seeds]
    return {
        "edition": asdict(edition) | here,
        "inputs": {"llm": edition.llm, "seeds": seeds, "data": _sources(), "code": code},
        "trainings": {
            "data": [assets_at_hand(name) for name in STAND_INS],
            "imagenet": images_missing(profile.name),
            "code": code,
        },
        "ablations": {"runs": _more_ablations(edition, results)},
        **{f"code/{name}": value for name, value in deciding_code(profile, edition.llm).items()},
    }


def _more_ablations(edition: Edition, results: Path) -> list[str]:
    """Runs of Tables 5 and 6 beyond the profile's own, that are finished or will be: the tables show them too."""
    own = replace(edition, full_grid_seeds=())
    declared = {need.folder(edition) for need in needs_of(edition, "table5", "table6") if isinstance(need, Search)}
    usual = {need.folder(own) for need in needs_of(own, "table5", "table6") if isinstance(need, Search)}
    folder = results / edition.name
    home = RunSpec("darts", "cifar10", edition.llm, edition.name, 0).folder(results).parent.parent
    finished = {
        path.parent.relative_to(folder)
        for path in home.glob("*/seed=*/result.json")
        if ",code=" not in path.parent.parent.name
    }
    return sorted(str(path) for path in (finished | declared) - usual if "until=" not in path.name)


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


def deciding_code(profile: Profile, llm: str) -> dict[str, dict[str, Any]]:
    """What decides searches, supernets and trainings by code and defaults: the DAG runs their commands if it changes.

    Each command looks for itself what changed, keeps what it made before, and redoes what has to be redone.
    """
    asked = get_llm(llm)
    search = {
        "llm": asked.settings,
        "prompts": Prompts.load(asked.templates).hashes,
        "search": asdict(search_config(profile, asked, 0)),
    }
    found: dict[str, dict[str, Any]] = {
        f"search-{name}": search
        | {"code": fingerprint("search.algorithm", f"spaces.{name}", f"evaluators.{space.evaluator}")}
        for name, space in SPACES.items()
    }
    for space, config in SUPERNETS[profile.name].items():
        module = "training.language_model" if space == "darts_rnn" else "training.supernet"
        found[f"supernet-{space}"] = {"code": fingerprint(module, f"spaces.{space}"), "config": asdict(config)}
    found["training-darts"] = {"code": fingerprint("training.classifier"), "config": asdict(get_protocol(profile.name))}
    language = asdict(language_protocol(profile.name))
    found["training-darts_rnn"] = {"code": fingerprint("training.language_model"), "config": language}
    return found


def _forget_removed(home: Home) -> None:
    """Take the marks away of results that somebody removed, so that they are made again."""
    for mark in home.marks.rglob("seed=*"):
        result = home.folder / mark.relative_to(home.marks).with_name(mark.name.partition(",")[0])
        if mark.is_file() and not result.is_dir() and not mark.parent.name.startswith("found"):
            mark.unlink()


def _write_if_changed(path: Path, value: dict[str, Any]) -> None:
    """The DAG depends on this file, so that other settings, data or code make its jobs run again."""
    value = json.loads(json.dumps(value))
    if not path.exists() or json.loads(path.read_text()) != value:
        write_json(path, value)
