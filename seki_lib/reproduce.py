"""Run what is missing of a profile: Snakemake over the DAG of searches and notebooks (see `Snakefile`)."""

import os
import subprocess
import sys
from pathlib import Path

from .errors import RunError
from .lock import locked
from .notebook import ROOT
from .profiles import Profile


def reproduce(profile: Profile, llm: str, seeds: tuple[int, ...], jobs: int, results: Path) -> None:
    """Bring `<results>/<profile>` up to date, print the tables and what was written. Raises RunError if a step failed.

    jobs: how many run at once; 0 for one per core. Safe to stop and to call again: what is done is not done again.
    """
    results = results.resolve()
    folder = results / profile.name
    with locked(folder):
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
        command += ["--nolock", "--quiet", "rules", "progress", "host"]
        settings = {"profile": profile.name, "llm": llm, "seeds": " ".join(map(str, seeds)), "results": str(results)}
        command += ["--config", *(f"{name}={value}" for name, value in settings.items())]
        if subprocess.run(command, cwd=ROOT).returncode:
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
