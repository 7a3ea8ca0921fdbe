"""What the Snakefile plans, without running it."""

import re
import subprocess
import sys
from collections import Counter

import pytest

from seki_lib.ablations import full_grid, require_full_grid
from seki_lib.errors import SettingError
from seki_lib.notebook import ROOT
from seki_lib.profiles import get_profile
from seki_lib.report.table2 import images_missing


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


@pytest.mark.parametrize(("ablations", "expected"), [("", {0: 9}), ("0", {0: 21}), ("1 2", {0: 9, 1: 21, 2: 21})])
def test_each_setting_is_a_job_and_the_full_grid_is_run_for_the_seeds_asked_for(ablations, expected, tmp_path):
    assert forks(planned(tmp_path, "laptop", ablations)) == expected


def test_finished_tables_do_not_hide_that_more_settings_are_asked_for(tmp_path):
    jobs = planned(tmp_path, "laptop")
    (tmp_path / "laptop" / "trainings").mkdir()
    (tmp_path / "laptop" / "trainings" / "found.txt").touch()
    for name in ("15_table5_lambda", "16_table6_k_xi"):
        table, folder = f"table{name[8]}", tmp_path / "laptop"
        paths = [f"notebooks/{name}.ipynb", f"figures/{table}_differences.png"]
        for path in [*paths, *(f"tables/{table}.{ending}" for ending in ("csv", "md", "html"))]:
            (folder / path).parent.mkdir(exist_ok=True)
            (folder / path).touch()
    assert forks(planned(tmp_path, "laptop", "1")) == forks(jobs) | {1: 21}


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
