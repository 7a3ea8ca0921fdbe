"""Run what is missing of a profile: Snakemake over the DAG of searches and notebooks (see `Snakefile`)."""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any

from ..datasets.at_hand import assets_at_hand, fetch_dataset
from ..evaluators.tabular import TABLES
from ..files.checkout import ROOT, require_checkout
from ..files.errors import AssetError, RunError, look_up
from ..files.fingerprint import fingerprint
from ..files.jsonl import read_if_whole, write_json
from ..files.lock import locked
from ..files.shape import require_shape
from ..llm import get_llm
from ..paper import REPORTS, Edition, Memory, Search, needs_of, reports
from ..paper.here import edition_here, why_no_trans101
from ..paper.settings import require_full_grid
from ..profiles import Profile, get_profile
from ..prompts import Prompts
from ..report.page import write_page
from ..results import Home
from ..runs import code_of, search_config
from ..spaces import SPACES
from ..training.protocol import IMAGENET, SUPERNETS, images_missing, training_protocol
from .bounds import rounds_of, warn_of_bounds
from .cluster import Cluster
from .notebook import DEFAULTS, absolute_llm

OUT_OF_REACH = {  # what trainings read, and what is done without it
    "cifar10": "Where the profile allows it, scikit-learn's digits take its place, and the table says so.",
    "ptb": "Where the profile allows it, Python's documentation takes its place, and the table says so.",
    "imagenet_sample": "Table 2 will read 'not run'.",
}


@dataclass(frozen=True)
class Schedule:
    """How the jobs of the DAG are run. Nothing here decides a result."""

    jobs: int = 0  # at once; 0: one for each core, or cluster.QUEUED of a cluster
    cluster: Cluster | None = None  # where they run; None: on this machine
    plan: bool = False  # only print which jobs would run
    only: tuple[str, ...] = ()  # reports, keys of paper.REPORTS, that are made with what they need; all if empty

    def __post_init__(self) -> None:
        for name in self.only:
            look_up("report", REPORTS, name)


def reproduce(
    profile: Profile,
    llm: str,
    seeds: tuple[int, ...] | None,
    results: Path,
    ablations: tuple[int, ...] | None = None,
    controls: tuple[int, ...] | None = None,
    schedule: Schedule = Schedule(),
) -> None:
    """Bring `<results>/<profile>` up to date, print its tables and what was written. Raises RunError if a step failed.

    seeds: of searches on benchmarks' tables, or None for the profile's own; ablations: seeds for which all settings of
    the paper's Tables 5 and 6 are run, or None for what the profile says; controls: the same for all arms of notebook
    21; schedule: where and how many at once. Safe to stop and to call again: a finished job is done again
    only if the code, prompts or data that decide it have changed since. The old result stays beside the new one.
    """
    require_checkout("the jobs and notebooks that make tables")
    if schedule.cluster and not schedule.plan:
        schedule.cluster.require()
    if ablations:
        require_full_grid(profile)
    results, llm = results.resolve(), absolute_llm(llm)
    for name in map(str, (results, ROOT, sys.executable, llm)):
        if "{" in name or "}" in name:
            raise RunError(f"{name} has a brace in it, which Snakemake reads as a wildcard: use a path without braces.")
    _fetch_data(profile)
    home, edition = Home(results, profile.name), edition_here(profile, llm, seeds, ablations or (), controls or ())
    folder = home.folder
    warn_of_bounds(llm, rounds_of(edition, home, *schedule.only), home)
    with locked(folder) as lock:
        _forget_removed(home)
        for name, value in _notes(edition, results, schedule.cluster).items():
            path, noted = folder / f"{name}.json", json.loads(json.dumps(value))
            if read_if_whole(path) != noted:  # jobs that depend on the file run again
                write_json(path, noted)
        # The child holds the lock too: should this process be killed, no second Snakemake starts beside the first.
        if _run_and_wait(snakemake(folder, schedule), lock):
            raise RunError(
                "a step failed; its last lines are above and in the notebook or log it names. "
                "The same command goes on from there."
            )
    if schedule.plan:
        return
    asked = {table for name in schedule.only for table in reports(edition)[name].tables}
    for table in sorted(home.tables.glob("*.md")):
        if not schedule.only or table.stem in asked:
            print(table.read_text(encoding="utf-8"))
    written = [path for kind in (home.tables, home.figures, home.notebooks) for path in sorted(kind.iterdir())]
    print("Written:", *map(os.path.relpath, [*written, write_page(folder)]), sep="\n  ")


def _run_and_wait(command: list[str], lock: int) -> int:
    """The exit code of a command. After Ctrl-C, which reaches its steps too, wait until all of them have saved."""
    with subprocess.Popen(command, cwd=ROOT, pass_fds=[lock]) as child:
        try:
            return child.wait()
        except KeyboardInterrupt:
            child.wait()
            raise


def snakemake(folder: Path, schedule: Schedule) -> list[str]:
    """The command that runs the DAG in a profile's folder, or prints what it would run.

    The settings go through a file: on a command line Snakemake would read them as YAML, and cut some of them.
    """
    command = [sys.executable, "-m", "snakemake", "--snakefile", str(ROOT / "Snakefile"), "--directory", str(folder)]
    command += ["--configfile", str(folder / "edition.json")]
    command += ["--rerun-incomplete", "--rerun-triggers", "mtime", "--nolock"]
    cores, targets = str(os.cpu_count() or 1), ["--", *schedule.only] if schedule.only else []
    if schedule.plan:
        cores = "1000" if schedule.cluster else cores  # a plan shows what a job asks for, not what this machine has
        return [*command, "--cores", cores, "--dry-run", "--printshellcmds", *targets]
    command += ["--quiet", "rules", "host"]  # `progress.Progress` needs the event "progress"
    if schedule.cluster:
        return [*command, *schedule.cluster.snakemake(schedule.jobs), *targets]
    return [*command, "--cores", str(schedule.jobs or cores), *targets]


def _fetch_data(profile: Profile) -> None:
    """Fetch what trainings read; where it is out of reach, say what is done without it."""
    for dataset, without in OUT_OF_REACH.items():
        if dataset != "imagenet_sample" or dataset == IMAGENET[profile.name]:
            try:
                fetch_dataset(dataset)
            except AssetError as error:
                print(f"{error}\n{without}")


NOTED = {
    "profile": str, "llm": str, "seeds": [int], "trans101_seeds": [int], "full_grid_seeds?": [int],
    "control_seeds?": [int], "images?": str, "text?": str, "photographs?": str, "surrogate?": str,
    "trans101_table?": bool,
}  # fmt: skip


def read_edition(noted: Mapping[str, Any]) -> Edition:
    """The edition that `seki reproduce` noted for the DAG, in edition.json. Raises RunError for one that is damaged."""
    try:
        require_shape(noted, NOTED)
    except ValueError as error:
        raise RunError(f"edition.json is damaged ({error}). Next: make reproduce, which writes it anew") from None
    values = {field.name: noted[field.name] for field in fields(Edition) if field.name in noted}
    values = {name: tuple(value) if isinstance(value, list) else value for name, value in values.items()}
    return Edition(**values | {"profile": get_profile(noted["profile"])})


def _notes(edition: Edition, results: Path, cluster: Cluster | None) -> dict[str, dict[str, Any]]:
    """Files of the profile's folder -> what they say. The DAG runs again what depends on one that changes."""
    profile, code = edition.profile, code_hash()
    here = {"profile": profile.name, "results": str(results), "no_trans101": why_no_trans101()}
    bounds = {"gpus": cluster.gpus, "minutes": cluster.minutes} if cluster else None
    seeds, data = [edition.seeds, edition.trans101_seeds], [assets_at_hand(name) for name in OUT_OF_REACH]
    return {
        "edition": asdict(edition) | here | {"cluster": bounds},
        "inputs": {"llm": edition.llm, "seeds": seeds, "data": _sources(), "code": code},
        "trainings": {"data": data, "imagenet": images_missing(profile.name), "code": code},
        "ablations": {"runs": _more_runs(edition, replace(edition, full_grid_seeds=()), results, "table5", "table6")},
        "controls": {"runs": _more_runs(edition, replace(edition, control_seeds=()), results, "controls")},
        **{f"code/{name}": value for name, value in deciding_code(edition).items()},
    }


def _more_runs(edition: Edition, least: Edition, results: Path, *reports: str) -> list[str]:
    """Runs of these reports beyond those of the least edition, that are finished or will be: tables show them too."""

    def searches(of: Edition) -> set[Path]:
        return {need.folder(of) for need in needs_of(of, *reports) if isinstance(need, Search)}

    declared, folder = searches(edition), results / edition.name
    finished = {
        path.parent.relative_to(folder)
        for home in {search.parents[1] for search in declared}
        for path in (folder / home).glob("*/seed=*/result.json")
        if ",code=" not in path.parts[-3]
    }
    more = (finished | declared) - searches(least)
    return sorted(str(path) for path in more if "until=" not in path.name)


def _sources() -> dict[str, str]:
    """The data that searches will see, by space. Raises AssetError without the table that every profile searches."""
    sources = {}
    for space, load in TABLES.items():
        try:
            sources[space] = load().source.name
        except AssetError:
            if space == DEFAULTS["space"]:
                raise
            sources[space] = "none"
    return sources


def code_hash() -> str:
    """A hash of the library, its templates and the typed tables: what else decides a notebook's output."""
    package = ROOT / "seki_lib"
    modules = [".".join(path.relative_to(package).with_suffix("").parts) for path in package.rglob("*.py")]
    modules.remove("__init__")  # which holds the version
    digest = hashlib.sha256(fingerprint(*modules).encode())
    for folder in (package, ROOT / "data"):
        for path in sorted(p for p in folder.rglob("*") if p.suffix in (".j2", ".csv", ".toml")):
            digest.update(path.relative_to(ROOT).as_posix().encode() + path.read_bytes())
    return digest.hexdigest()


def deciding_code(edition: Edition) -> dict[str, dict[str, Any]]:
    """Code and defaults that decide searches, supernets and trainings. If they change, the DAG runs their commands.

    Each command checks by itself what changed, keeps what it made before, and redoes what has to be redone.
    """
    profile, asked = edition.profile, get_llm(edition.llm)
    settings = {**asked.settings}  # some LLMs share one that cannot be changed, nor written
    search = {
        "llm": settings,
        "prompts": Prompts.load(asked.templates).hashes,
        "search": asdict(search_config(profile, asked, 0)),
    }
    found: dict[str, dict[str, Any]] = {}
    for name, space in SPACES.items():
        config = asdict(training_protocol(name, profile.name, space.dataset))
        found[f"training-{name}"] = {"code": fingerprint(f"training.{space.trainer}"), "config": config}
    for need in needs_of(edition):
        if isinstance(need, Search) and need.code() not in found:
            found[need.code()] = search | {"code": code_of(need.space, need.evaluator, need.arm)}
        elif isinstance(need, Memory):
            found[need.code()] = {
                "llm": settings,
                "code": fingerprint("search.memory", f"spaces.{need.space}"),
            }
    for name, supernet in SUPERNETS[profile.name].items():
        code = fingerprint(f"training.{SPACES[name].supernet_trainer}", f"spaces.{name}")
        found[f"supernet-{name}"] = {"code": code, "config": asdict(supernet)}
    return found


def _forget_removed(home: Home) -> None:
    """Take the marks away of results that somebody removed, so that they are made again."""
    for mark in home.marks.rglob("seed=*"):
        result = home.folder / mark.relative_to(home.marks).with_name(mark.name.partition(",")[0])
        if mark.is_file() and not result.is_dir() and not mark.parent.name.startswith("found"):
            mark.unlink()
