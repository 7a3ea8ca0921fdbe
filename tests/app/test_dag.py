"""What the Snakefile plans, without running it."""

import dataclasses
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import time
from collections import Counter

import pytest

from seki_lib.app.commands import read
from seki_lib.app.cost.work import jobs
from seki_lib.app.notebook import ROOT
from seki_lib.app.reproduce import deciding_code, read_edition
from seki_lib.files.errors import RunError, SettingError
from seki_lib.files.user_input import listed_names
from seki_lib.paper import Edition, needs_of, reports
from seki_lib.paper.settings import full_grid, k_xi_settings, lambda_settings, longest, require_full_grid
from seki_lib.profiles import get_profile
from seki_lib.runs import RunSpec
from seki_lib.training.protocol import SUPERNETS, SupernetSpec, dataset_at_hand, images_missing, named_architecture


def planned(folder, profile, ablations="", root=ROOT):
    """Rule -> how many jobs a folder would get, which holds no results yet but may hold tables. root: of the kit."""
    return Counter(
        {name: int(n) for name, n in re.findall(r"^(\w+) +(\d+)$", plan(folder, profile, ablations, root), re.M)}
    )


def plan(folder, profile, ablations="", root=ROOT):
    """What `seki reproduce --plan` prints."""
    command = [sys.executable, "-m", "seki_lib.app.cli", "reproduce", "--plan", "--profile", profile, "--seeds", "8"]
    command += ["--results", str(folder), *(["--ablations", ablations] if ablations else [])]
    done = subprocess.run(command, capture_output=True, text=True, cwd=root)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def forks(jobs, evaluator=""):
    """Seed -> how many settings of Tables 5 and 6, scored by the supernet, or by another evaluator."""
    found = (re.fullmatch(r"searches_darts_cifar10_.*_seed_([0-9]+)", name) for name in jobs)
    return Counter(int(match[1]) for match in found if match and ("evaluator_" in match[0]) == bool(evaluator))


def first_rounds(jobs):
    """Jobs that run a self-evolution as far as the first forks share it."""
    return {name for name in jobs if re.search("_until_[0-9]+$", name)}


def write(results):
    """Files that close runs, with the marks that their commands leave."""
    profile = next(part for part in results[0].parents if part.name == "laptop")
    for path in results:
        if path.name == "result.json":
            mark = profile / "done" / path.parent.relative_to(profile)
            mark.parent.mkdir(parents=True, exist_ok=True)
            mark.touch()
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"score": 30.0, "architecture": named_architecture("DARTS_V2")[1]}))
    now = time.time()
    for path in (path for path in profile.rglob("*") if path.is_file()):
        os.utime(path, (now, now))  # nothing is newer than what was made of it


OWN = dict.fromkeys((8, 9), 3)  # seeds and settings of the laptop's searches by the surrogate


@pytest.mark.parametrize(("ablations", "expected"), [("", OWN), ("8", OWN | {8: 21}), ("1 2", OWN | {1: 21, 2: 21})])
def test_each_setting_is_a_job_and_the_full_grid_is_run_for_the_seeds_asked_for(ablations, expected, tmp_path):
    found = planned(tmp_path, "laptop", ablations)
    assert forks(found) == {8: 3}
    assert forks(found, "surrogate") == expected
    until = Counter(re.search(r"seed_\d+_until_\d+$", name)[0] for name in first_rounds(found))
    full = [seed for seed, forked in expected.items() if forked == 21]  # λ of the others differ by few rounds
    assert until == Counter(f"seed_{seed}_until_15" for seed in full)


def test_finished_tables_do_not_hide_that_more_settings_are_asked_for(tmp_path):
    assert planned(tmp_path, "laptop")["table5"] == 1
    images = dataset_at_hand("cifar10", SUPERNETS["laptop"]["darts"])
    finished = [SupernetSpec("darts", images, "laptop").folder(tmp_path) / "result.json"]
    laptop = get_profile("laptop")
    grid = dict.fromkeys([longest(laptop), *lambda_settings(laptop), *k_xi_settings(laptop)])
    spec = RunSpec("darts", "cifar10", "local:smollm2-135m", "laptop", 8)
    finished += [setting.spec(spec, laptop).folder(tmp_path) / "result.json" for setting in grid]
    scored = [dataclasses.replace(spec, seed=seed).scored_by("surrogate") for seed in OWN]
    finished += [setting.spec(one, laptop).folder(tmp_path) / "result.json" for setting in grid for one in scored]
    for table, name in ((5, "15_table5_lambda"), (6, "16_table6_k_xi")):
        files = [f"tables/table{table}.{ending}" for ending in ("csv", "md", "html")]
        files += [f"figures/table{table}_differences.png", f"notebooks/{name}.ipynb"]
        finished += [tmp_path / "laptop" / file for file in files]
    write(finished)
    assert planned(tmp_path, "laptop")["table5"] == 0
    found = planned(tmp_path, "laptop", "1")
    assert forks(found, "surrogate") == {1: 21} and found["table5"] == 1


def test_a_missing_setting_is_run_alone_and_another_llms_self_evolution_does_not_count(tmp_path):
    laptop, spec = get_profile("laptop"), RunSpec("darts", "cifar10", "local:smollm2-135m", "laptop", 8)
    shortest, *others = sorted({longest(laptop), *lambda_settings(laptop), *k_xi_settings(laptop)}, key=lambda s: s.lam)
    images = dataset_at_hand("cifar10", SUPERNETS["laptop"]["darts"])
    other = longest(laptop).spec(dataclasses.replace(spec, llm="local:other"), laptop)
    planned(tmp_path, "laptop")  # from now on results are newer than the code that decides them
    write([SupernetSpec("darts", images, "laptop").folder(tmp_path) / "result.json"])
    write([other.folder(tmp_path) / "result.json"])
    assert forks(planned(tmp_path, "laptop")) == {8: 3}
    write([setting.spec(spec, laptop).folder(tmp_path) / "result.json" for setting in reversed(others)])
    found = planned(tmp_path, "laptop")
    assert shortest.lam == 35 and forks(found) == {8: 1}


def test_one_report_is_planned_with_what_it_needs_and_nothing_else(tmp_path):
    command = [
        sys.executable,
        "-m",
        "seki_lib.app.cli",
        "reproduce",
        "--plan",
        "--profile",
        "smoke",
        "--only",
        "table3",
    ]
    done = subprocess.run([*command, "--results", str(tmp_path)], capture_output=True, text=True, cwd=ROOT)
    jobs = dict(re.findall(r"^(\w+) +(\d+)$", done.stdout, re.M))
    assert jobs.keys() - {"total"} == {"table3"} | {
        f"searches_nas201_cifar10_local_smollm2_135m_default_seed_{s}" for s in (8, 9)
    }
    done = subprocess.run(
        [*command[:-1], "table9", "--results", str(tmp_path)], capture_output=True, text=True, cwd=ROOT
    )
    assert done.returncode == 1 and "unknown report 'table9'; valid: " in done.stderr


def test_a_profile_of_short_searches_has_no_full_grid():
    with pytest.raises(SettingError, match=r"6 rounds.*reaches 45. Next: the profile laptop"):
        require_full_grid(get_profile("smoke"))
    require_full_grid(full_grid(get_profile("paper")))


def test_imagenet_is_searched_where_its_images_are(tmp_path, monkeypatch):
    monkeypatch.delenv("SEKI_IMAGENET", raising=False)
    (tmp_path / "none").mkdir()
    monkeypatch.setenv("SEKI_DATA", str(tmp_path / "none"))
    found = planned(tmp_path / "a", "paper")
    assert not any("imagenet" in name for name in found) and found["table2"] == 1 and images_missing("paper")
    (tmp_path / "imagenet" / "train").mkdir(parents=True)
    monkeypatch.setenv("SEKI_IMAGENET", str(tmp_path / "imagenet"))
    found = [name for name in planned(tmp_path / "b", "paper") if "imagenet" in name]
    assert sum(name.startswith("searches_darts_imagenet_") for name in found) == 1
    assert sum("imagenet_found_imagenet" in name for name in found) == 1


@pytest.mark.parametrize("profile", ["smoke", "laptop", "workstation", "paper"])
def test_the_dag_runs_what_the_tables_declare_and_the_cost_planner_prices(profile, tmp_path):
    printed = plan(tmp_path, profile)
    edition = read_edition(json.loads((tmp_path / profile / "edition.json").read_text()))
    planned = set(re.findall(r"^    output: done/(.*)$", printed, re.M))
    declared = {str(need.folder(edition)) for need in needs_of(edition)}
    wanted = {need for report in reports(edition).values() for need in report.needs}
    assert planned == declared
    assert wanted <= {*needs_of(edition)}
    assert {job.need for job in jobs(edition, tmp_path)} == {need for need in needs_of(edition) if need.until is None}
    notebooks = {report.notebook for report in reports(edition).values()}
    assert notebooks == set(re.findall(r"output: notebooks/(\w+)\.ipynb", printed))


@pytest.mark.parametrize("name", ["a b", "it's", 'say "x"', "100 %s", "ü", "a=b, c: d #e", "x;y&z", "$5 `ls`"])
def test_a_results_path_of_any_letters_is_planned(name, tmp_path):
    printed = plan(tmp_path / name, "smoke")
    command = re.search(r"seki_lib\.app\.cli (supernet --space darts --dataset \S+ --profile .*?) 2>&1", printed)[1]
    assert str(read(shlex.split(command)).results) == str(tmp_path / name)


EDITS = {  # file, what is replaced, by what, the kinds of job that are planned then
    "a comment": ("seki_lib/search/algorithm.py", "# line 4\n", "# line four\n", set()),
    "a docstring": ("seki_lib/search/replies.py", "random new neighbour", "neighbour drawn at random", set()),
    "words of an error": ("seki_lib/search/config.py", "must lie between 1 and k", "has to lie between 1 and k", set()),
    "the version": ("seki_lib/__init__.py", '__version__ = "', '__version__ = "9.', set()),
    "a plot": ("seki_lib/report/plots.py", "figsize=(", "figsize=(0.1 + ", {"notebooks"}),
    "a baseline": ("seki_lib/search/baselines.py", "population: int = 10", "population: int = 2", {"notebooks"}),
    "a table of the paper": ("data/paper/table3.csv", "93.97", "93.98", {"notebooks"}),
    "self-evolution": (
        "seki_lib/search/algorithm.py", "records[i - 1].architecture", "best().architecture",
        {"nas201", "trans101", "darts", "notebooks"},
    ),
    "a default of the search": (
        "seki_lib/search/config.py", "reply_tokens: int = 400", "reply_tokens: int = 300",
        {"nas201", "trans101", "darts", "notebooks"},
    ),
    "a prompt": (
        "seki_lib/prompts/compact/inspire.md.j2", "Cell:", "Cells:", {"nas201", "trans101", "darts", "notebooks"},
    ),
    "a space's canonical form": (
        "seki_lib/spaces/nas201/__init__.py", "\"+\".join(sorted(terms))", "\"+\".join(terms)",
        {"nas201", "supernet", "notebooks"},
    ),
    "a training": (
        "seki_lib/training/image_training.py", "set_to_none=True", "set_to_none=False",
        {"train", "supernet", "darts", "notebooks"},
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A copy of the kit, and a folder in which everything of the laptop profile is made already."""
    root = tmp_path_factory.mktemp("kit")
    for name in ("seki_lib", "notebooks", "data", "benchmarks"):
        shutil.copytree(ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copy(ROOT / "Snakefile", root)
    results = root / "results"
    printed = plan(results, "laptop", root=root)
    for output in ", ".join(re.findall(r"^    output: (.*)$", printed, re.M)).split(", "):
        path = results / "laptop" / output.removesuffix(" (update)")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
        if output.startswith("done/") and "," not in path.name and "found" not in re.split("[-/]", output):
            write([results / "laptop" / output.removeprefix("done/") / "result.json"])
    now = time.time()
    for path in (path for path in results.rglob("*") if path.is_file()):
        os.utime(path, (now, now))  # nothing is newer than what was made of it
    assert not kinds(plan(results, "laptop", root=root))
    return root, results


def kinds(printed):
    """What a plan holds: searches by space, supernets, trainings, notebooks."""
    rules = {name for name, _ in re.findall(r"^(\w+) +(\d+)$", printed, re.M)} - {"all", "total"}
    firsts = {"supernets": "supernet", "trainings": "train"}
    return {
        rule.split("_")[1] if rule.startswith("searches_") else firsts.get(rule.split("_")[0], "notebooks")
        for rule in rules
    }


@pytest.mark.parametrize("what", EDITS)
def test_an_edit_of_the_code_plans_what_it_decides_and_only_that(what, finished):
    root, results = finished
    file, old, new, expected = EDITS[what]
    text = (root / file).read_text()
    assert old in text
    stamps = {
        path: (path.read_text(), path.stat()) for path in (results / "laptop").rglob("*.json") if "code" in path.parts
    }
    stamps |= {path: (path.read_text(), path.stat()) for path in (results / "laptop").glob("*.json")}
    try:
        (root / file).write_text(text.replace(old, new, 1))
        planned = kinds(plan(results, "laptop", root=root))
        assert planned - {"train"} == expected - {"train"} and (expected <= planned)
        if "darts" not in expected:  # a new search may find a new cell to train
            assert planned == expected
    finally:
        (root / file).write_text(text)
        for path, (content, stat) in stamps.items():
            path.write_text(content)
            os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))


@pytest.mark.parametrize("llm", ["chance:null", "chance:random"])
def test_what_decides_the_jobs_of_an_llm_without_settings_can_be_written(llm):
    profile = get_profile("smoke")
    decided = deciding_code(Edition(profile, llm, profile.seeds, profile.trans101_seeds))
    assert json.loads(json.dumps(decided)) == decided


@pytest.mark.parametrize("damage", [{"seeds": None}, {"seeds": "8"}, {"seeds": ["8"]}, {"profile": ["a"]}, {"llm": 5}])
def test_a_damaged_edition_is_one_sentence(damage):
    whole = {"profile": "smoke", "llm": "chance:null", "seeds": [8], "trans101_seeds": [8]}
    assert read_edition(whole).seeds == (8,)
    for noted in (whole | damage, {name: value for name, value in whole.items() if name not in damage}):
        with pytest.raises(RunError, match=r"edition\.json is damaged"):
            read_edition(noted)


def test_commas_alone_name_no_report():
    assert listed_names("table5, figures") == ("table5", "figures") and listed_names(" ") == ()
    with pytest.raises(SettingError, match="names nothing"):
        listed_names(" , ")
