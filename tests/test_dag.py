"""What the Snakefile plans, without running it."""

import dataclasses
import json
import re
import shlex
import subprocess
import sys
from collections import Counter

import pytest

from seki_lib.ablations import full_grid, k_xi_settings, lambda_settings, require_full_grid, trunk
from seki_lib.commands import read
from seki_lib.errors import SettingError
from seki_lib.notebook import ROOT
from seki_lib.profiles import get_profile
from seki_lib.report.table2 import images_missing
from seki_lib.reproduce import snakemake
from seki_lib.runs import RunSpec
from seki_lib.training.protocol import SUPERNETS, SupernetSpec, dataset_at_hand, named_architecture


def planned(folder, profile, ablations=""):
    """Rule -> how many jobs a folder would get, which holds no results yet but may hold tables."""
    (folder / profile).mkdir(parents=True, exist_ok=True)
    for name in ("inputs", "trainings", "ablations"):
        if not (path := folder / profile / f"{name}.json").exists():
            path.write_text("{}")
    settings = {
        "profile": profile, "llm": "local:smollm2-135m", "seeds": "0", "trans101_seeds": "0", "results": folder,
        "ablations": ablations,
    }  # fmt: skip
    command = [sys.executable, "-m", "snakemake", "-n", "--snakefile", ROOT / "Snakefile", "--nolock", "--cores", "2"]
    command += ["--rerun-triggers", "mtime"]
    command += ["--directory", folder / profile, "--config", *(f"{name}={value}" for name, value in settings.items())]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    return Counter({name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", done.stdout, re.M)})


def forks(jobs):
    """Seed -> how many settings of Tables 5 and 6."""
    return Counter({
        int(seed): sum(name.startswith("ablation_") and name.endswith(f"_seed_{seed}") for name in jobs)
        for seed in {name.rpartition("_")[2] for name in jobs if name.startswith("ablation_")}
    })  # fmt: skip


def write(results):
    """Files that close runs."""
    for path in results:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"score": 30.0, "architecture": named_architecture("DARTS_V2")[1]}))


@pytest.mark.parametrize(("ablations", "expected"), [("", {0: 7}), ("0", {0: 21}), ("1 2", {0: 7, 1: 21, 2: 21})])
def test_each_setting_is_a_job_and_the_full_grid_is_run_for_the_seeds_asked_for(ablations, expected, tmp_path):
    jobs = planned(tmp_path, "laptop", ablations)
    assert forks(jobs) == expected
    assert {name for name in jobs if name.startswith("self_evolution_")} == {
        f"self_evolution_15_seed_{seed}" for seed in expected
    }


def test_finished_tables_do_not_hide_that_more_settings_are_asked_for(tmp_path):
    assert planned(tmp_path, "laptop")["table5"] == 1
    images = dataset_at_hand("cifar10", SUPERNETS["laptop"]["darts"])
    finished = [SupernetSpec("darts", images, "laptop").folder(tmp_path) / "result.json"]
    laptop = get_profile("laptop")
    grid = dict.fromkeys([trunk(laptop), *lambda_settings(laptop), *k_xi_settings(laptop)])
    spec = RunSpec("darts", "cifar10", "local:smollm2-135m", "laptop", 0)
    finished += [setting.spec(spec, laptop).folder(tmp_path) / "result.json" for setting in grid]
    finished.append(tmp_path / "laptop" / "trainings" / "found.txt")
    for table, name in ((5, "15_table5_lambda"), (6, "16_table6_k_xi")):
        files = [f"tables/table{table}.{ending}" for ending in ("csv", "md", "html")]
        files += [f"figures/table{table}_differences.png", f"notebooks/{name}.ipynb"]
        finished += [tmp_path / "laptop" / file for file in files]
    write(finished)
    assert planned(tmp_path, "laptop")["table5"] == 0
    jobs = planned(tmp_path, "laptop", "1")
    assert forks(jobs) == {1: 21} and jobs["table5"] == 1


def test_a_missing_setting_is_run_alone_and_another_llms_self_evolution_does_not_count(tmp_path):
    laptop, spec = get_profile("laptop"), RunSpec("darts", "cifar10", "local:smollm2-135m", "laptop", 0)
    shortest, *others = sorted({trunk(laptop), *lambda_settings(laptop), *k_xi_settings(laptop)}, key=lambda s: s.lam)
    images = dataset_at_hand("cifar10", SUPERNETS["laptop"]["darts"])
    other = trunk(laptop).spec(dataclasses.replace(spec, llm="local:other"), laptop)
    write([SupernetSpec("darts", images, "laptop").folder(tmp_path) / "result.json"])
    write([other.folder(tmp_path) / "round=15.done"])
    assert planned(tmp_path, "laptop")["self_evolution_15_seed_0"] == 1
    write([setting.spec(spec, laptop).folder(tmp_path) / "result.json" for setting in reversed(others)])
    jobs = planned(tmp_path, "laptop")
    assert shortest.lam == 15 and forks(jobs) == {0: 1} and "self_evolution_15_seed_0" not in jobs


def test_a_profile_of_short_searches_has_no_full_grid():
    with pytest.raises(SettingError, match=r"6 rounds.*reaches 45. Next: the profile laptop"):
        require_full_grid(get_profile("smoke"))
    require_full_grid(full_grid(get_profile("paper")))


def test_imagenet_is_searched_where_its_images_are(tmp_path, monkeypatch):
    monkeypatch.delenv("SEKI_IMAGENET", raising=False)
    monkeypatch.setenv("SEKI_DATA", str(tmp_path / "none"))
    jobs = planned(tmp_path / "a", "paper")
    assert not jobs["search_imagenet"] and jobs["table2"] == 1 and images_missing("paper")
    (tmp_path / "imagenet" / "train").mkdir(parents=True)
    monkeypatch.setenv("SEKI_IMAGENET", str(tmp_path / "imagenet"))
    jobs = planned(tmp_path / "b", "paper")
    assert jobs["search_imagenet"] == jobs["train_found_on_imagenet"] == 1


@pytest.mark.parametrize("name", ["a b", "it's", 'say "x"', "100 %s", "ü", "a=b, c: d #e", "x;y&z", "$5 `ls`"])
def test_a_results_path_of_any_letters_is_planned(name, tmp_path):
    folder = tmp_path / name / "smoke"
    folder.mkdir(parents=True)
    for inputs in ("inputs", "trainings", "ablations"):
        (folder / f"{inputs}.json").write_text("{}")
    settings = {"profile": "smoke", "llm": "local:smollm2-135m", "seeds": "0", "trans101_seeds": "0",
                "results": str(folder.parent), "ablations": None}  # fmt: skip
    command = [*snakemake(folder, settings, 2), "--dry-run", "--printshellcmds"]
    done = subprocess.run([word for word in command if word != "rules"], capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stdout + done.stderr
    command = re.search(r"seki_lib\.cli (supernet --space darts --dataset \S+ --kind .*?) 2>&1", done.stdout)[1]
    assert str(read(shlex.split(command)).results) == str(folder.parent)
