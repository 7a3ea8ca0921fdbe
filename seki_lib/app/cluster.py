"""The DAG on a SLURM cluster: which options Snakemake is given, and how one job becomes several processes.

    make reproduce PROFILE=paper CLUSTER=slurm CLUSTER_OPTIONS="--default-resources slurm_partition=gpu"

Snakemake stays where it was started, submits each job of the DAG with `sbatch` and looks after it. What a job asks for
is declared in seki_lib/paper/resources.py. docs/cluster.md says how a site is set up.
"""

import os
import shlex
import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any

from ..files.errors import SettingError, look_up
from ..files.user_input import whole_number
from ..paper import Edition, Need, Report, Search
from ..paper.resources import Resources, kind_of, resources_of

EXECUTORS = {"slurm": "snakemake_executor_plugin_slurm"}  # cluster -> the module that submits its jobs
QUEUED = 100  # jobs that wait or run on a cluster at once, unless JOBS says otherwise
LATENCY = 60  # seconds that a file may take until other machines see it on a shared file system
SEKI = (sys.executable, "-m", "seki_lib.app.cli")
TORCHRUN = (sys.executable, "-m", "torch.distributed.run", "--standalone")  # on one machine, at a free port


@dataclass(frozen=True)
class Cluster:
    """Where jobs run if not on this machine, and the most that its site gives to one job."""

    name: str = "slurm"  # a key of EXECUTORS
    options: str = ""  # further words for Snakemake, as a shell reads them
    gpus: int = 8
    minutes: int = 7 * 24 * 60

    def __post_init__(self) -> None:
        look_up("CLUSTER", EXECUTORS, self.name)
        if any(word.startswith("--verb") for word in self.words):
            raise SettingError(
                "CLUSTER_OPTIONS: with --verbose each job would write its environment, and so your keys, into its log. "
                "Leave it out; `scontrol show job` and .snakemake/slurm_logs tell what a job does."
            )

    @property
    def words(self) -> list[str]:
        """The options, word by word. Raises SettingError for a quote that does not end."""
        try:
            return shlex.split(self.options)
        except ValueError as error:
            raise SettingError(f"CLUSTER_OPTIONS cannot be read: {error}") from None

    def require(self) -> None:
        """Raise SettingError, naming the next step, unless jobs can be submitted from here."""
        if not shutil.which("sbatch"):
            raise SettingError(
                "sbatch is not on this machine, so no job can be submitted. Run the command on a login node of the "
                "cluster, load its SLURM module, or leave CLUSTER out to run on this machine."
            )
        if not find_spec(EXECUTORS[self.name]):
            raise SettingError(
                'Snakemake has no SLURM executor here. Next, in the checkout: pip install -e ".[cluster]"'
            )

    def snakemake(self, jobs: int) -> list[str]:
        """Snakemake's options. jobs: that wait or run at once, 0 for QUEUED. What the site gave comes last and wins."""
        own = ["--executor", self.name, "--jobs", str(jobs or QUEUED), "--latency-wait", str(LATENCY)]
        return [*own, *self.words]


def cluster_from(name: str, options: str, gpus: str, minutes: str) -> Cluster | None:
    """The cluster that these texts name; None without a name. Raises SettingError or UnknownName.

    options: CLUSTER_OPTIONS of the environment if empty, where quotes survive `make`.
    """
    options = options or os.environ.get("CLUSTER_OPTIONS", "")
    if name:
        bounds = {"gpus": gpus, "minutes": minutes}
        return Cluster(name, options, **{key: whole_number(text, 1) for key, text in bounds.items() if text})
    if given := options or gpus or minutes:
        raise SettingError(f"{given!r} is for a cluster: give CLUSTER=slurm too, or leave it out.")
    return None


def asked_for(job: Need | Report, edition: Edition, noted: Mapping[str, Any] | None) -> Resources | None:
    """What a job asks a cluster for, within the bounds that `seki reproduce` noted; None on one machine."""
    return resources_of(job, edition).within(noted["gpus"], noted["minutes"]) if noted else None


def as_snakemake(asked: Resources | None) -> dict[str, int]:
    """Resources by the names that Snakemake's executor knows; a job stays on one machine of the cluster."""
    if not asked:
        return {}
    gpus = {"gpu": asked.gpus} if asked.gpus else {}
    return {"mem_mb": asked.memory_mb, "runtime": asked.minutes, "nodes": 1, **gpus}


def command(need: Need, edition: Edition, asked: Resources | None) -> list[str]:
    """The command that makes a need, word by word. With several GPUs it starts one process each; they share a batch."""
    words = need.command(edition)
    if not asked:
        return [*SEKI, *words]
    if kind_of(need, edition) == "photographs" and asked.gpus:
        # else each process would count the cores of the whole machine, and not those that the job was given
        words = [*words, "--workers", str(max(1, asked.cpus // asked.gpus - 1))]
    if asked.gpus < 2 or isinstance(need, Search):
        return [*SEKI, *words]
    return [*TORCHRUN, f"--nproc_per_node={asked.gpus}", *SEKI[1:], *words]
