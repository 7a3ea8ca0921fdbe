"""Every command with every option at absurd values, in this process: each ends in a sentence, none in a traceback."""

import dataclasses
import os
import re
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from seki_lib.app.cli import main
from seki_lib.app.commands import COMMANDS, read
from seki_lib.files.user_input import user_path, variant_of
from seki_lib.search import SearchConfig

ROOT = Path(__file__).parents[2]
ABSURD = ["", "-1", "0", "9" * 20, "nan", "inf", "1e309", "..", "~nobody-of-this-name/x", "ünï 'q\" %s {x}", "a" * 300]
ABSURD += ["\udcff", "FILE", "/nonexistent/x", "/proc/x"]

# What each command is given beside the option, so that it ends before long work whatever the option says.
NO_RUN = ["--llm", "replay:/nonexistent"]
BESIDE = {
    "search": ["--profile", "smoke", *NO_RUN],
    "ablations": ["--space", "nas201", "--profile", "smoke", *NO_RUN],
    "train": ["--arch", "NO_SUCH_CELL", "--profile", "smoke"],
    "supernet": ["--dataset", "no-such-data", "--profile", "smoke"],
    "reproduce": ["--profile", "smoke", *NO_RUN],
    "notebook": ["13_table3_nas201", "--parameter", "no_such_parameter=1"],
    "show": [],
    "cost": [],
    "data": [],
    "page": ["/nonexistent"],
    "compare": [],
    "replay": ["/nonexistent"],
}
POSITIONAL = {
    "show": [["VALUE"]],
    "cost": [["VALUE"]],
    "page": [["VALUE"]],
    "compare": [["VALUE"], ["/nonexistent", "VALUE"]],
    "replay": [["VALUE"]],
    "data": [["VALUE"], ["status", "VALUE"], ["fetch", "VALUE"], ["need", "VALUE"], ["import", "nas201", "VALUE"],
             ["import", "trans101", "VALUE"], ["import", "VALUE", "FILE"]],
    "notebook": [["VALUE"], ["13_table3_nas201", "--parameter", "VALUE"],
                 *(["00_setup", "--parameter", "nope=1", "--parameter", f"{name}=VALUE"]
                   for name in ("seed", "profile", "llm", "results", "critique"))],
}  # fmt: skip


def options(command):
    """The options of a command that take a value, as the command line spells them."""
    kinds = {field.name: field for field in dataclasses.fields(COMMANDS[command])}
    positional = {"show": {"run_folder"}, "cost": {"run_folder"}, "data": {"action", "names"}, "notebook": {"name"},
                  "page": {"folder"}, "replay": {"kept"}}  # fmt: skip
    named = [name for name, kind in kinds.items() if kind.type is not bool and name not in positional.get(command, ())]
    return ["--" + name.replace("_", "-") for name in named]


def lines():
    """Every command line of the sweep, with VALUE where an absurd value goes."""
    for command, beside in BESIDE.items():
        if beside or command == "cost":
            yield from ((command, *beside, option, "VALUE") for option in options(command))
        yield from ((command, *words) for words in POSITIONAL.get(command, ()))


@pytest.fixture
def seki(monkeypatch, tmp_path, capsys):
    """Run a command line; returns its exit code, what it printed, and what it said on stderr."""
    (tmp_path / "no data").mkdir()
    for name in ("SEKI_DATA", "SEKI_MIRROR", "SEKI_IMAGENET"):
        monkeypatch.setenv(name, str(tmp_path / "no data"))
    for name in ("MAX_USD", "MAX_TOKENS", "MAX_CALLS"):
        monkeypatch.setenv(name, "")
    monkeypatch.chdir(tmp_path)

    def run(*words):
        monkeypatch.setattr(sys, "argv", ["seki", *map(str, words)])
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code
        said = capsys.readouterr()
        if isinstance(code, str):
            return 1, said.out, said.err + code
        return code, said.out, said.err

    return run


def flat(text):
    """A sentence of tyro's box in one line."""
    return " ".join(re.sub(r"[│╭╮╰╯─]", " ", text).split())


@pytest.mark.parametrize("line", list(lines()), ids=" ".join)
def test_an_absurd_value_ends_in_a_sentence(line, seki, tmp_path, monkeypatch):
    (tmp_path / "a file").write_text("not what you think")
    for value in ABSURD:
        monkeypatch.setenv("MAX_USD", "")
        words = [word.replace("VALUE", value).replace("FILE", str(tmp_path / "a file")) for word in line]
        results = (
            []
            if "--results" in words or line[0] in ("show", "data", "notebook", "compare")
            else ["--results", tmp_path / "r"]
        )
        code, _, error = seki(*words[:1], *results, *words[1:])
        assert code in (0, 1, 2), words
        assert (code == 0) == (not error.strip()), (words, error)
        assert "Traceback" not in error and "object at 0x" not in error, (words, error)
        if code == 1:
            assert error.startswith("seki: ") and error.count("\n") <= 8, (words, error)


@pytest.mark.parametrize("command", [name for name in COMMANDS if name != "lab"])
def test_every_count_of_every_command_is_a_whole_number_from_0_on(command, seki):
    counts = {"seed", "rounds", "lam", "k", "xi", "until", "epochs", "batch", "threads", "workers", "gpus", "jobs"}
    for name in [field.name for field in dataclasses.fields(COMMANDS[command]) if field.name in counts]:
        for value in ("-1", "1.5", "x", "", "9" * 20, "²"):
            code, _, error = seki(command, *BESIDE[command], f"--{name}", value)
            assert code == 2 and "is no whole number from" in flat(error), (name, value, error)


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["train", "--arch", "DARTS_V2", "--device", "foo"], "device 'foo' is not here: this machine has"),
        (["train", "--arch", "DARTS_V2", "--device", "cuda:77"], "device 'cuda:77' is not here"),
        (["supernet", "--device", "meta"], "device 'meta' is not here"),
        (["search", "--variant", "../x"], "is no name of a folder"),
        (["ablations", "--until", "3", "--lam", "2"], "--until cannot be given with --lam, --k or --xi"),
        (["ablations", "--k", "4", "--xi", "9"], "xi must lie between 1 and k = 4, not 9"),
        (["train", "--arch", "DARTS_V2", "--lr", "nan"], "'nan' is no number from"),
        (["train", "--arch", "DARTS_V2", "--lr", "-1"], "'-1' is no number from"),
        (["train", "--arch", "DARTS_V2", "--batch", "0"], "'0' is no whole number from 1"),
        (["train", "--arch", "DARTS_V2", "--workers", "2"], "only ImageNet's files are decoded by processes"),
        (["notebook", "99_nothing"], "13_table3_nas201"),
        (["notebook", "notebooks/99_nothing.ipynb"], "13_table3_nas201"),
        (["notebook", "/elsewhere/13_table3_nas201.ipynb"], "13_table3_nas201"),
        (["notebook", "13_table3_nas201", "--parameter", "profile"], "give name=value"),
        (["data", "status", "nas201"], "give it without nas201"),
    ],
)
def test_what_cannot_be_is_said_before_any_work(words, sentence, seki, tmp_path):
    code, printed, error = seki(*words, *([] if words[0] in ("notebook", "data") else ["--results", tmp_path / "r"]))
    assert code in (1, 2) and sentence in flat(error) and not printed
    assert not (tmp_path / "r").exists()


def test_a_batch_of_a_single_sample_is_refused_with_the_next_step(seki, tmp_path):
    for batch in ("1", "127"):  # of 128 images: 127 leaves one over
        words = ["--arch", "DARTS_V2", "--profile", "smoke", "--batch", batch, "--results", tmp_path / "r"]
        code, _, error = seki("train", *words)
        assert code == 1 and f"batch {batch} is too small, or leaves one sample over" in error
        assert "Next: another --batch" in error


def test_a_cell_of_networks_without_drop_path_is_trained_as_the_error_advises(seki, tmp_path):
    words = ["train", "--space", "nas201", "--arch", "random:0", "--profile", "smoke", "--results", tmp_path / "r"]
    code, _, error = seki(*words)
    (advised,) = re.findall(r"Next: (--.*)", error)
    assert code == 1
    code, printed, error = seki(*words, *advised.split())
    assert code == 0, error
    assert "drop_path=0.0" in printed


@pytest.mark.parametrize("text", ["~/x", "$HOME/x", "${HOME}/x"])
def test_a_home_that_no_shell_expanded_is_the_home(text, monkeypatch, tmp_path):
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path(text) == tmp_path / "x"
    for command in ("search", "train", "supernet", "ablations", "cost", "reproduce"):
        words = ["--arch", "DARTS_V2"] if command == "train" else []
        assert read([command, *words, f"--results={text}"]).results == tmp_path / "x"


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (["--notation", "foo"], "unknown notation of nas201 'foo'; valid: names, words"),
        (["--strategy", "foo"], "strategy must be 'free', 'edit' or 'reasoned'"),
        (["--alpha0", "foo"], "nas201: 3 nodes joined by '+' expected"),
        (["--bn", "accumulated"], "--bn only with the evaluator oneshot. Leave it out."),
        (["--supernet", "darts"], "--supernet works where a supernet gives the score"),
    ],
)
def test_a_setting_of_a_search_that_does_not_exist_is_refused_before_any_work(words, sentence, tmp_path, table):
    command = [sys.executable, "-m", "seki_lib.app.cli", "search", *words, "--results", str(tmp_path / "r")]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 1 and sentence in done.stderr and "Traceback" not in done.stderr
    assert not (tmp_path / "r").exists()


def test_every_setting_of_a_search_that_is_an_option_is_handed_on():
    words = "search --alpha0 a --rounds 3 --lam 2 --k 2 --xi 1 --notation words --strategy edit --novelty False"
    given = read([*words.split(), "--permute-words", "True"])
    handed_on = given.given(*given.of_the_search())
    options = {field.name for field in dataclasses.fields(given)}
    assert handed_on.keys() == {field.name for field in dataclasses.fields(SearchConfig)} & options - {"seed"}
    assert list(handed_on) == [  # folders are named in this order
        "alpha0", "rounds", "lam", "k", "xi", "notation", "strategy", "novelty", "permute_words",
    ]  # fmt: skip


def test_a_notation_and_a_strategy_that_exist_are_taken(tmp_path, table):
    words = ["--profile", "smoke", "--rounds", "1", "--lam", "1", "--notation", "names", "--strategy", "free"]
    command = [sys.executable, "-m", "seki_lib.app.cli", "search", *words, "--results", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    assert "rounds=1,lam=1,notation=names,strategy=free" in done.stdout


@pytest.mark.parametrize(("space", "kind"), [("darts_rnn", "cell"), ("darts_rnn", "pc_darts"), ("nas201", "darts")])
def test_a_kind_of_supernet_that_a_space_has_not_is_refused(space, kind, seki, tmp_path):
    code, _, error = seki("supernet", "--space", space, "--kind", kind, "--results", tmp_path / "r")
    assert code == 1 and f"unknown kind of supernet of {space}" in error and "valid: single_path" in error
    assert not (tmp_path / "r").exists()


def test_ablations_of_lambda_0_are_not_those_of_the_profile(seki, tmp_path):
    words = ["--space", "nas201", "--lam", "0", "--xi", "99", "--results", tmp_path / "r"]
    assert "xi must lie between" in seki("ablations", *words)[2]


@pytest.mark.parametrize("name", ["a{b}", "a{b", "}"])
def test_a_results_path_that_snakemake_reads_as_a_wildcard_is_refused_before_any_work(name, seki, tmp_path):
    code, printed, error = seki("reproduce", "--profile", "smoke", "--results", tmp_path / name)
    assert code == 1 and "has a brace in it" in error and not printed
    assert not (tmp_path / name).exists()


KEPT = ROOT / "results" / "reference"


@pytest.mark.parametrize(
    ("run", "sentences"),
    [
        ("searches/darts/imagenet/local-smollm2-135m/default/seed=0", ["51 of 51 evaluations", "the LLM took"]),
        ("supernets/darts/cifar10/single_path/seed=0", ["supernet single_path on cifar10", "8 of 8 epochs"]),
        ("supernets/darts/cifar10/single_path/seed=0/result.json", ["8 of 8 epochs"]),
        ("supernets", ["darts/cifar10/single_path/seed=0  finished", "nas201/cifar10/single_path/seed=0  finished"]),
    ],
)
def test_show_shows_whatever_a_folder_of_results_is(run, sentences, seki):
    code, printed, error = seki("show", KEPT / run)
    assert code == 0, error
    assert all(sentence in printed for sentence in sentences)


@pytest.mark.parametrize("is_finished", [False, True])
def test_show_shows_a_training(is_finished, seki, tmp_path):
    words = ["train", "--arch", "random:0", "--profile", "smoke", "--results", tmp_path / "r"]
    folder = Path(seki(*words)[1].splitlines()[-1].partition("done: ")[2])
    if not is_finished:
        (folder / "result.json").unlink()
    code, printed, error = seki("show", folder)
    assert code == 0, error
    assert "training of Genotype(" in printed and "1 of 1 epochs" in printed
    assert ('"last_test_error"' in printed) == is_finished and ("last epoch: " in printed) != is_finished


@pytest.mark.parametrize("config", ["", "{", "[]", "{}", '{"run": {}}', '{"run": 3}', "null"])
def test_show_says_that_a_folder_is_none_of_a_run(config, seki, tmp_path):
    (tmp_path / "config.json").write_text(config)
    code, _, error = seki("show", tmp_path)
    assert code == 1 and error.startswith("seki: ") and str(tmp_path) in error


def test_a_long_variant_is_cut_and_a_short_one_stays_as_it_was():
    assert variant_of({}) == "default"
    assert variant_of({"rounds": 2, "lam": 1}) == "rounds=2,lam=1"
    long = [variant_of({"alpha0": f"{'|nor_conv_3x3~0|/' * 40}{i}"}) for i in (0, 1)]
    assert long[0] != long[1] and all(len(name) < 200 and "/" not in name for name in long)


def test_a_broken_pipe_is_no_error_message():
    command = f"{sys.executable} -m seki_lib.app.cli show results/reference | head -1; echo ${{PIPESTATUS[0]}}"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, cwd=ROOT)  # noqa: S607
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] in ("0", "141")  # 0: all was in the pipe before `head` left


@pytest.mark.parametrize(
    "words",
    [["data", "status"], ["search", "--profile", "smoke"], ["train", "--arch", "random:0", "--profile", "smoke"]],
    ids=" ".join,
)
def test_a_reader_who_left_long_ago_is_no_error_message(words, tmp_path, table):
    read_end, write_end = os.pipe()
    os.close(read_end)
    results = [] if words[0] == "data" else ["--results", str(tmp_path)]
    command = [sys.executable, "-m", "seki_lib.app.cli", *words, *results]
    done = subprocess.run(command, stdout=write_end, stderr=subprocess.PIPE, text=True, cwd=ROOT)
    os.close(write_end)
    assert (done.returncode, done.stderr) == (141, "")


@pytest.mark.parametrize(
    ("words", "first"),
    [
        (["search", "--profile", "laptop"], "round  0"),
        (["train", "--arch", "random:0", "--profile", "smoke", "--epochs", "99"], "epoch   1"),
    ],
)
def test_ctrl_c_ends_with_one_line_and_130(words, first, tmp_path, table):
    command = [sys.executable, "-m", "seki_lib.app.cli", *words, "--results", str(tmp_path)]
    heeded = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)  # a shell's `&` has all its children ignore Ctrl-C
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=ROOT, preexec_fn=heeded
    ) as running:
        next(line for line in running.stdout if first in line)
        running.send_signal(signal.SIGINT)
        _, error = running.communicate(timeout=120)
    assert error.strip() == "seki: stopped. The same command goes on from here."
    assert running.returncode == 130
