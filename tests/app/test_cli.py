import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


def seki(*arguments, **environment):
    command = [sys.executable, "-m", "seki_lib.app.cli", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, env=os.environ | environment, cwd=ROOT)


def test_importing_the_library_is_light():
    heavy = ("torch", "matplotlib", "numpy", "pyarrow", "jinja2")
    code = f"import sys, seki_lib; print([m for m in {heavy} if m in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"


@pytest.mark.parametrize(
    ("arguments", "valid"),
    [
        (["search", "--space", "nas999"], "nas201"),
        (["search", "--task", "mnist"], "cifar10"),
        (["search", "--llm", "local:nobody"], "smollm2-135m"),
        (["search", "--profile", "desktop"], "smoke, laptop, workstation, paper"),
        (["reproduce", "--seeds", "a,b"], "SEEDS=0,1,2,3"),
        (["notebook", "99_nothing"], "13_table3_nas201"),
        (["data", "fetch", "imagenet22k"], "nas201"),
        (["cost", "--card", "voodoo2"], "rtx4090"),
        (["data", "borrow"], "status, fetch, need, import"),
    ],
)
def test_a_wrong_name_is_one_sentence_with_the_valid_ones(arguments, valid, tmp_path):
    done = seki(*arguments, *(["--results", tmp_path] if arguments[0] in ("search", "reproduce") else []))
    assert done.returncode == 1
    assert done.stderr.startswith("seki: unknown") and valid in done.stderr
    assert "Traceback" not in done.stderr
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


@pytest.mark.parametrize(
    ("option", "sentence"),
    [
        (["--until", "46"], "rounds 0 to 45"),
        (["--lam", "48"], "rounds 0 to 45"),
        (["--until", "9", "--k", "8"], "--xi"),
    ],
)
def test_rounds_that_no_setting_forks_from_are_refused(option, sentence, tmp_path):
    done = seki("ablations", *option, "--results", tmp_path)
    assert done.returncode == 1
    assert sentence in done.stderr and "Traceback" not in done.stderr
    assert not any(tmp_path.iterdir())


@pytest.mark.parametrize("option", [["--rounds", "10"], ["--k", "4"], ["--xi", "99"]])
def test_a_setting_out_of_range_is_one_sentence_with_the_range(option, tmp_path):
    done = seki("search", *option, "--results", tmp_path)
    assert done.returncode == 1
    assert "must lie between" in done.stderr and "Traceback" not in done.stderr
    assert not any(tmp_path.iterdir())


def test_the_embedded_llm_searches_from_the_command_line_and_shows_its_run(table, tmp_path):
    done = seki("search", "--profile", "smoke", "--results", tmp_path, "--rounds", 2, "--lam", 1)
    assert done.returncode == 0, done.stderr
    folder = done.stdout.splitlines()[-1].partition("done: ")[2]
    assert len([line for line in done.stdout.splitlines() if "  round " in line]) == 3
    assert "rounds=2,lam=1" in folder
    shown = seki("show", folder)
    assert "local:smollm2-135m on nas201/cifar10" in shown.stdout
    assert '"evaluations": 3' in shown.stdout


def test_data_status_names_each_file_its_licence_and_damage(tmp_path):
    (tmp_path / "nas201_hp200_mean.csv.gz").write_bytes(b"not it")
    done = seki("data", "status", SEKI_DATA=str(tmp_path))
    assert "smollm2-135m" in done.stdout and "Apache-2.0" in done.stdout
    assert "DAMAGED" in done.stdout


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        ({"PROFILE": "huge"}, "valid: smoke, laptop, workstation, paper"),
        ({"LLM": "chatbot"}, "valid: local:<model>"),
        ({"SEEDS": "one"}, "such as SEEDS=0,1,2,3"),
        ({"JOBS": "-3"}, "valid: a whole number from 1 on"),
        ({"CLUSTER": "lsf"}, "valid: slurm"),
    ],
)
def test_make_stops_at_a_wrong_setting_before_any_work(settings, sentence):
    values = {"PROFILE": "laptop", "LLM": "local:smollm2-135m", "SEEDS": "", "JOBS": "", "CLUSTER": ""} | settings
    command = [sys.executable, ROOT / "tools" / "preflight.py", *(f"{name}={value}" for name, value in values.items())]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 1
    assert done.stderr.startswith("make: unknown") and sentence in done.stderr


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["--arch", "DARTS_V9"], "'DARTS_V9' is no architecture: give its text, one of DARTS_V1, DARTS_V2, PC_DARTS"),
        (["--arch", "Genotype(normal=[])"], "darts: no normal_concat="),
        (["--arch", "DARTS_V2", "--dataset", "mnist"], "unknown data set 'mnist'; valid: cifar10, cifar100, digits"),
        (["--arch", "DARTS_V2", "--precision", "int8"], "precision must be 'fp32' or 'bf16'"),
        (["--arch", "DARTS_V2", "--profile", "paper"], "cifar10: no images found. Looked in $SEKI_DATA"),
    ],
)
def test_a_training_that_cannot_be_is_refused_in_one_sentence(arguments, sentence, tmp_path):
    place = {"SEKI_DATA": str(tmp_path), "SEKI_MIRROR": "", "XDG_CACHE_HOME": str(tmp_path)}
    done = seki("train", *arguments, "--results", tmp_path, **place)
    assert done.returncode == 1 and sentence in done.stderr
    assert "Traceback" not in done.stderr


def test_a_cell_is_trained_from_the_command_line_on_what_is_there(tmp_path):
    place = {"SEKI_DATA": str(tmp_path), "SEKI_MIRROR": "", "XDG_CACHE_HOME": str(tmp_path)}
    done = seki("train", "--arch", "random:0", "--profile", "smoke", "--results", tmp_path, **place)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "cifar10 is not on this machine: digits take its place (seki data fetch cifar10)"
    assert lines[1].startswith("random-0  epoch   1/1  lr 0.02500") and "ETA 0 s" in lines[1]
    folder = Path(lines[-1].partition("done: ")[2])
    assert folder == tmp_path / "smoke" / "trainings" / "darts" / "digits" / "random-0" / "seed=0"
    assert json.loads((folder / "result.json").read_text())["data"].startswith("scikit-learn's 8x8 digits")


def test_a_recurrent_cell_is_trained_from_the_command_line_on_what_is_there(tmp_path):
    place = {"SEKI_DATA": str(tmp_path), "SEKI_MIRROR": "", "XDG_CACHE_HOME": str(tmp_path)}
    command = ["train", "--space", "darts_rnn", "--arch", "DARTS_V2", "--profile", "smoke", "--results", tmp_path]
    done = seki(*command, **place)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "ptb is not on this machine: pydoc_topics take its place (seki data fetch ptb)"
    assert "unigram model" in lines[-2] and "no Penn Treebank on this machine" in lines[-2]
    folder = Path(lines[-1].partition("done: ")[2])
    assert folder == tmp_path / "smoke" / "trainings" / "darts_rnn" / "pydoc_topics" / "DARTS_V2" / "seed=0"
    wrong = seki(*command, "--dataset", "cifar10", **place)
    assert wrong.returncode == 1 and "unknown text 'cifar10'; valid: ptb, pydoc_topics" in wrong.stderr
    wrong = seki(*command, "--compile", "default", **place)
    assert wrong.returncode == 1 and "a training in darts_rnn has no setting compile" in wrong.stderr
