"""The DAG on a cluster, as far as it can be said without one: what each job asks for, and how Snakemake is called."""

import json
import re
import shlex
import subprocess
import sys
from dataclasses import replace

import pytest

from seki_lib.app import cluster
from seki_lib.app.cluster import Cluster, as_snakemake, asked_for, cluster_from, command
from seki_lib.app.commands import read
from seki_lib.app.notebook import ROOT
from seki_lib.app.reproduce import Schedule, read_edition, snakemake
from seki_lib.files.errors import SettingError, UnknownName
from seki_lib.llm.gguf import GGUFS
from seki_lib.paper import Edition, Search, Supernet, Training, needs_of, reports
from seki_lib.paper.resources import RESOURCES, kind_of, resources_of
from seki_lib.profiles import PROFILES, get_profile

BOUNDS = {"gpus": 8, "minutes": 10_080}
OURS = ("mem_mb", "runtime", "nodes", "gpu")  # of what a dry run prints of a rule's resources


def edition(profile, llm="local:smollm2-135m"):
    sizes = get_profile(profile)
    return Edition(sizes, llm, sizes.seeds, sizes.trans101_seeds)


def plan(folder, profile, *words):
    """What `seki reproduce --plan` prints."""
    given = ["reproduce", "--plan", "--profile", profile, "--results", str(folder), *words]
    done = subprocess.run([sys.executable, "-m", "seki_lib.app.cli", *given], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def planned(printed):
    """Output of each rule, below the profile's folder -> its cores and resources, as a dry run prints them."""
    found = {}
    for rule in re.split(r"\n(?=(?:local)?rule \w+:)", printed):
        if output := re.search(r"^    output: (.*?)(?:, | \(update\)|$)", rule, re.M):
            threads = re.search(r"^    threads: (\d+)$", rule, re.M)
            asked = dict(re.findall(r"(\w+)=(\d+)", (re.search(r"^    resources: (.*)$", rule, re.M) or [""] * 2)[1]))
            mine = {name: int(asked[name]) for name in OURS if name in asked}
            found[output[1]] = (int(threads[1]) if threads else 1, mine)
    return found


@pytest.mark.parametrize("profile", PROFILES)
def test_every_rule_asks_the_cluster_for_what_is_declared(profile, tmp_path):
    found = planned(plan(tmp_path, profile, "--cluster", "slurm"))
    here = read_edition(json.loads((tmp_path / profile / "edition.json").read_text()))
    jobs = {f"done/{need.folder(here)}": need for need in needs_of(here)}
    jobs |= {report.outputs[0]: report for report in reports(here).values()}
    assert jobs.keys() == found.keys() - {"tables/table4.csv"}
    for output, job in jobs.items():
        asked = resources_of(job, here)
        gpus = {"gpu": asked.gpus} if asked.gpus else {}
        assert found[output] == (
            asked.cpus, {"mem_mb": asked.memory_mb, "runtime": asked.minutes, "nodes": 1} | gpus
        ), output  # fmt: skip


def test_on_one_machine_no_rule_asks_for_anything(tmp_path):
    printed = plan(tmp_path, "smoke")
    assert "Job stats:" in printed and "done]" not in printed  # a plan lists jobs, and counts none
    assert set(map(str, planned(printed).values())) == {"(1, {})"}
    assert (
        "torch.distributed" not in printed
        and json.loads((tmp_path / "smoke/edition.json").read_text())["cluster"] is None
    )


@pytest.mark.parametrize("profile", PROFILES)
def test_a_gpu_is_asked_for_where_a_network_is_trained_or_scores_and_nowhere_else(profile):
    has_gpus = profile in ("workstation", "paper")
    for need in needs_of(edition(profile, "openai:gpt-4o-mini")):
        scored = isinstance(need, Search) and any(isinstance(n, Supernet) for n in need.after(edition(profile)))
        trains = isinstance(need, Supernet | Training)
        assert bool(resources_of(need, edition(profile)).gpus) == (has_gpus and (scored or trains)), need


def test_a_search_brings_its_local_model_along_and_a_large_one_wants_a_gpu():
    table = Search("nas201", "cifar10", 8)
    name, model = max(GGUFS.items(), key=lambda item: item[1].size)
    small, served = (resources_of(table, edition("paper", llm)) for llm in ("local:smollm2-135m", "openai:gpt-4o-mini"))
    large = resources_of(table, edition("paper", f"local:{name}"))
    assert small == served and small.gpus == 0
    assert large.gpus == 1 and large.memory_mb * 1e6 > model.size
    assert resources_of(table, edition("laptop", f"local:{name}")).gpus == 0


def test_every_profile_declares_every_kind_of_job():
    kinds = {
        kind_of(job, edition("paper")) for job in [*needs_of(edition("paper")), *reports(edition("paper")).values()]
    }
    assert all(of.keys() == RESOURCES["paper"].keys() == kinds for of in RESOURCES.values())
    assert RESOURCES.keys() == PROFILES.keys()


def test_imagenet_is_trained_by_as_many_processes_as_the_job_has_gpus():
    paper, training = edition("paper"), Training("DARTS_V2", "imagenet")
    for gpus in (8, 4):
        asked = asked_for(training, paper, BOUNDS | {"gpus": gpus})
        words = command(training, paper, asked)
        assert words[:3] == [sys.executable, "-m", "torch.distributed.run"]
        assert "--standalone" in words and f"--nproc_per_node={gpus}" in words
        given = read(words[words.index("seki_lib.app.cli") + 1 :])
        assert (given.arch, given.dataset, given.workers) == ("DARTS_V2", "imagenet", 7)
        assert asked.cpus == 8 * gpus
        assert as_snakemake(asked)["gpu"] == gpus and as_snakemake(asked)["nodes"] == 1


@pytest.mark.parametrize("need", [Training("DARTS_V2", "cifar10"), Training("DARTS_V2", "ptb", space="darts_rnn"),
                                  Search("darts", "imagenet", 8), Supernet("nas201", "cifar10")])  # fmt: skip
def test_what_does_not_share_its_batches_is_one_process(need):
    asked = asked_for(need, edition("paper"), BOUNDS)
    assert asked.gpus == 1 and command(need, edition("paper"), asked)[:3] == list(cluster.SEKI)


def test_one_gpu_is_one_process_and_no_site_is_asked_for_more_than_it_gives():
    asked = asked_for(Supernet("darts", "imagenet"), edition("paper"), {"gpus": 1, "minutes": 1440})
    assert (asked.gpus, asked.minutes, asked.cpus) == (1, 1440, 8)
    assert "torch.distributed.run" not in command(Supernet("darts", "imagenet"), edition("paper"), asked)


def test_the_command_for_slurm(tmp_path):
    site = Cluster(options="--default-resources slurm_partition=gpu slurm_extra=\"'--qos=long'\"")
    words = snakemake(tmp_path, Schedule(jobs=40, cluster=site))
    assert words[words.index("--executor") + 1] == "slurm" and words[words.index("--jobs") + 1] == "40"
    assert words[-3:] == ["--default-resources", "slurm_partition=gpu", "slurm_extra='--qos=long'"]
    assert "--cores" not in words and "--rerun-incomplete" in words
    assert "100" in snakemake(tmp_path, Schedule(cluster=site))
    here = snakemake(tmp_path, Schedule(jobs=3))
    assert here[here.index("--cores") + 1] == "3" and "--executor" not in here


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        (("lsf", "", "", ""), UnknownName, "valid: slurm"),
        (("slurm", "--verbose", "", ""), SettingError, "your keys, into its log"),
        (("slurm", "--verb", "", ""), SettingError, "your keys, into its log"),
        (("slurm", "--default-resources 'a", "", ""), SettingError, "cannot be read: No closing quotation"),
        (("slurm", "", "none", ""), SettingError, "no whole number from 1"),
        (("", "--keep-going", "", ""), SettingError, "give CLUSTER=slurm too"),
        (("", "", "", "60"), SettingError, "give CLUSTER=slurm too"),
    ],
)
def test_a_wrong_setting_of_the_cluster_is_one_sentence(given, error, sentence, monkeypatch):
    monkeypatch.delenv("CLUSTER_OPTIONS", raising=False)
    with pytest.raises(error, match=sentence):
        cluster_from(*given)


def test_options_with_quotes_come_through_the_environment(monkeypatch):
    monkeypatch.setenv("CLUSTER_OPTIONS", "--default-resources \"slurm_extra='-C a100'\"")
    assert cluster_from("slurm", "", "", "").words[1] == "slurm_extra='-C a100'"


def test_without_slurm_the_next_step_is_named_before_any_work(tmp_path, monkeypatch):
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(SettingError, match="login node"):
        Cluster().require()
    given = ["PROFILE=smoke", "LLM=local:smollm2-135m", "SEEDS=", "JOBS=", "CLUSTER=slurm"]
    done = subprocess.run([sys.executable, ROOT / "tools" / "preflight.py", *given], capture_output=True, text=True)
    assert done.returncode == 1 and done.stderr.startswith("make: sbatch is not on this machine")


def test_without_the_executor_the_next_step_is_named(tmp_path, monkeypatch):
    (tmp_path / "sbatch").write_text("#!/bin/sh\n")
    (tmp_path / "sbatch").chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(cluster, "EXECUTORS", {"slurm": "no_such_module"})
    with pytest.raises(SettingError, match=re.escape('pip install -e ".[cluster]"')):
        Cluster().require()


def test_make_hands_the_site_on(tmp_path):
    line = ["make", "-n", "reproduce", "CLUSTER=slurm", "CLUSTER_GPUS=4", "JOBS=9"]
    printed = subprocess.run(line, cwd=ROOT, capture_output=True, text=True, check=True).stdout
    [called] = [shlex.split(line) for line in printed.splitlines() if "seki reproduce" in line]
    given = read(called[1:])
    assert (given.cluster, given.cluster_gpus, given.jobs) == ("slurm", "4", 9)
    assert '".[cluster]"' in printed
    printed = subprocess.run(line[:3], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    assert '".[cluster]"' not in printed


def test_a_job_asks_for_less_where_a_site_gives_less():
    most = RESOURCES["paper"]["photographs"]
    half = most.within(4, 10**6)
    assert (half.gpus, half.cpus, half.memory_mb) == (4, most.cpus // 2, most.memory_mb // 2)
    assert most.within(8, 10**6) == most
    assert most.within(8, 60) == replace(most, minutes=60)
