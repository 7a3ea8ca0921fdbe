import json
import random
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from fakes import FakeLLM

from seki_lib import runs
from seki_lib.app.notebook import ROOT
from seki_lib.baseline_runs import baseline_runs
from seki_lib.evaluators.base import Evaluation, Evaluator
from seki_lib.files.errors import LLMError, RunError, SettingError
from seki_lib.files.jsonl import read_lines, write_lines
from seki_lib.llm.transcript import Recorder
from seki_lib.profiles import Profile, get_profile
from seki_lib.prompts import PromptError, Prompts
from seki_lib.runs import RunSpec, fork_run, is_finished, locked, rerun, search_run, walk
from seki_lib.search import (
    FallbackError,
    Search,
    SearchConfig,
    initial,
    run,
    self_evolution,
)
from seki_lib.search.repository import Repository
from seki_lib.spaces import get_space

PROFILE = Profile("test", rounds=6, lam=4, k=3, xi=2, baseline_seeds=5)
SPEC = RunSpec("nas201", "cifar10", "fake:llm", "test", 0)
HERE = Path(__file__).parent


def lines(path, *without):
    """A file's lines without the fields that hold times."""
    return [{key: value for key, value in line.items() if key not in without} for line in read_lines(path)]


def killed_run(results, writes, share):
    """Start or go on with the search and have it die at this write; returns the exit code."""
    command = [sys.executable, HERE / "killable_search.py", results, str(writes), str(share)]
    return subprocess.run(command, cwd=HERE, capture_output=True).returncode


def test_a_search_killed_24_times_at_random_writes_ends_as_the_undisturbed_one(tmp_path, table):
    rng = random.Random(0)
    assert killed_run(tmp_path / "undisturbed", 10_000, 1) == 0
    kills = 0
    while (code := killed_run(tmp_path / "killed", rng.randrange(1, 5), rng.choice([0, 0.3, 0.7, 0.99, 1]))) != 0:
        assert code == -signal.SIGKILL
        kills += 1
    assert kills >= 24
    folders = [
        RunSpec("nas201", "cifar10", "fake:llm", "test", 0).folder(tmp_path / name)
        for name in ("undisturbed", "killed")
    ]
    for name in ("history.jsonl", "transcript.jsonl"):
        undisturbed, killed = (lines(folder / name, "seconds") for folder in folders)
        assert killed == undisturbed
    results = [(folder / "result.json").read_text() for folder in folders]
    assert results[0] == results[1]


def test_a_finished_run_asks_the_llm_nothing_twice(fake, tmp_path):
    folder = search_run(SPEC, PROFILE, tmp_path)
    files = {path.name: path.read_bytes() for path in folder.glob("*.json*")}
    asked = len(fake.calls)
    assert asked > 6
    assert search_run(SPEC, PROFILE, tmp_path) == folder
    assert len(fake.calls) == asked
    assert {path.name: path.read_bytes() for path in folder.glob("*.json*")} == files


def test_test_values_are_read_once_for_the_final_cell(fake, tmp_path, evaluator, monkeypatch):
    read = []
    final = type(evaluator).final
    monkeypatch.setattr(type(evaluator), "final", lambda self, arch: read.append(arch) or final(self, arch))
    folder = search_run(SPEC, PROFILE, tmp_path)
    search_run(SPEC, PROFILE, tmp_path)
    result = json.loads((folder / "result.json").read_text())
    assert len(read) == 1
    assert runs.get_space("nas201").format(read[0]) == result["architecture"]
    assert result["final"] == evaluator.final(read[0])
    for line in read_lines(folder / "history.jsonl"):
        assert set(line["metrics"]) == {evaluator.metric}


def test_a_notebook_walk_and_a_run_share_their_answers(fake, tmp_path):
    with walk(SPEC, PROFILE, tmp_path) as search:
        list(initial(search)), list(self_evolution(search))
        walked = [record.architecture for record in search.repository.records]
    asked = len(fake.calls)
    folder = search_run(SPEC, PROFILE, tmp_path)
    assert [line["architecture"] for line in read_lines(folder / "history.jsonl")][: len(walked)] == walked
    assert len([call for call in lines(folder / "transcript.jsonl") if call["round"] <= PROFILE.lam]) == asked


def test_replay_repeats_a_run_without_its_llm(fake, tmp_path):
    folder = search_run(SPEC, PROFILE, tmp_path)
    asked = len(fake.calls)
    replayed = search_run(RunSpec("nas201", "cifar10", f"replay:{folder}", "test", 0), PROFILE, tmp_path)
    assert replayed != folder
    assert (replayed / "history.jsonl").read_bytes() == (folder / "history.jsonl").read_bytes()
    assert len(fake.calls) == asked


def test_replay_of_another_seed_says_that_the_answers_are_missing(fake, tmp_path):
    folder = search_run(SPEC, PROFILE, tmp_path)
    with pytest.raises(LLMError, match="holds no answer"):
        search_run(RunSpec("nas201", "cifar10", f"replay:{folder}", "test", 1), PROFILE, tmp_path)


def test_replay_of_no_run_says_what_it_takes(tmp_path):
    with pytest.raises(LLMError, match="takes a run folder"):
        search_run(RunSpec("nas201", "cifar10", f"replay:{tmp_path}/nothing", "test", 0), PROFILE, tmp_path)


def test_a_second_process_on_a_run_is_refused_by_name(fake, tmp_path):
    holder = f"""
import sys, pathlib
from seki_lib.runs import locked
with locked(pathlib.Path({str(SPEC.folder(tmp_path))!r})):
    print("held", flush=True)
    sys.stdin.read()
"""
    with subprocess.Popen([sys.executable, "-c", holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        assert process.stdout.readline() == b"held\n"
        with pytest.raises(RunError, match=f"in use by process {process.pid} "):
            search_run(SPEC, PROFILE, tmp_path)
        process.kill()
    with locked(SPEC.folder(tmp_path)):
        pass  # the lock of a killed process is gone with it


def test_a_folder_made_with_other_settings_is_not_continued(fake, tmp_path):
    search_run(SPEC, PROFILE, tmp_path)
    with pytest.raises(RunError, match=r"other settings \(search.novelty in config.json\)"):
        search_run(SPEC, PROFILE, tmp_path, novelty=False)


def test_edited_prompts_make_a_run_of_their_own_named_by_their_hash(fake, tmp_path):
    edited = runs.Prompts.load("compact", inspire="{{ examples }}")
    folders = [search_run(SPEC, PROFILE, tmp_path, prompts=prompts) for prompts in (None, edited)]
    assert [folder.parent.name for folder in folders] == ["default", f"prompts={edited.hash}"]
    kept = [json.loads((folder / "config.json").read_text())["prompts"] for folder in folders]
    assert kept[0]["critique"] == kept[1]["critique"] and kept[0]["inspire"] != kept[1]["inspire"]
    again = RunSpec("nas201", "cifar10", f"replay:{folders[1]}", "test", 0, "again")
    assert (search_run(again, PROFILE, tmp_path) / "history.jsonl").read_text() == (
        folders[1] / "history.jsonl"
    ).read_text()  # a replay brings the words of its run


def test_a_named_variant_is_not_continued_with_other_prompts(fake, tmp_path):
    named = runs.replace(SPEC, variant="mine")
    search_run(named, PROFILE, tmp_path)
    edited = runs.Prompts.load("compact", inspire="{{ examples }}")
    with pytest.raises(RunError, match=r"other settings \(prompts.inspire in config.json\)"):
        search_run(named, PROFILE, tmp_path, prompts=edited)


@pytest.mark.parametrize("is_there", [True, False])
def test_a_name_that_says_another_setting_is_refused_before_anything_moves(fake, tmp_path, is_there):
    named = replace(SPEC, variant="lam=2")
    if is_there:
        search_run(named, PROFILE, tmp_path, lam=2)
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    with pytest.raises(SettingError, match=r"lam=2 stands for lam=2, and this search has 4. Next: give --lam 2 too"):
        search_run(named, PROFILE, tmp_path)
    edited = replace(SPEC, variant=f"prompts={Prompts.load('compact', inspire='{{ examples }}').hash}")
    with pytest.raises(SettingError, match="give its templates too"):
        search_run(edited, PROFILE, tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before


def test_a_name_of_the_users_own_is_never_set_aside_for_a_setting_that_was_forgotten(fake, tmp_path):
    named = replace(SPEC, variant="mine")
    folder = search_run(named, PROFILE, tmp_path, lam=2)
    with pytest.raises(RunError, match=r"other settings \(search.lam in config.json\)"):
        search_run(named, PROFILE, tmp_path)
    assert json.loads((folder / "config.json").read_text())["search"]["lam"] == 2


def test_other_defaults_redo_a_finished_run_whose_name_says_nothing_of_them(fake, tmp_path):
    named = replace(SPEC, variant="lam=2")
    folder = search_run(named, PROFILE, tmp_path, lam=2)
    search_run(named, replace(PROFILE, k=5), tmp_path, lam=2)
    assert json.loads((folder / "config.json").read_text())["search"]["k"] == 5
    assert len(list(folder.parent.parent.glob("lam=2,code=*"))) == 1


def test_every_number_of_a_run_can_be_traced(fake, tmp_path):
    folder = search_run(SPEC, PROFILE, tmp_path)
    config = json.loads((folder / "config.json").read_text())
    assert config["search"]["seed"] == 0
    assert config["llm"]["name"] == "fake:llm"
    assert len(config["data"]["sha256"]) == 64
    assert set(config["prompts"]) == {"critique", "refine", "inspire"}
    for call in read_lines(folder / "transcript.jsonl"):
        assert {"round", "stage", "attempt", "seed", "messages", "reply", "usage", "seconds"} <= call.keys()


def test_baselines_keep_the_budget_and_start_where_the_search_starts(fake, tmp_path, evaluator):
    folder = search_run(SPEC, PROFILE, tmp_path)
    alpha0 = next(read_lines(folder / "history.jsonl"))
    baselines = baseline_runs("nas201", "cifar10", PROFILE, tmp_path, evaluations=7)
    for name, scores in baselines.scores.items():
        assert scores.shape == (5, 7)
        assert scores[0, 0] == alpha0["score"]
        assert [final[evaluator.metric] for final in baselines.finals(name)] == list(scores.max(axis=1))
    again = baseline_runs("nas201", "cifar10", PROFILE, tmp_path, evaluations=7)
    assert all((again.scores[name] == baselines.scores[name]).all() for name in baselines.scores)


def test_a_search_by_the_surrogate_says_what_its_numbers_are(monkeypatch, tmp_path):
    monkeypatch.setattr(runs, "get_llm", lambda name: FakeLLM(space="darts"))
    spec = RunSpec("darts", "cifar10", "fake:llm", "test", 0, "evaluator=surrogate:ridge", evaluator="surrogate:ridge")
    assert "--evaluator surrogate:ridge" in spec.command(tmp_path)
    folder = search_run(spec, PROFILE, tmp_path)
    result, config = (json.loads((folder / f"{name}.json").read_text()) for name in ("result", "config"))
    assert config["run"]["evaluator"] == "surrogate:ridge" and result["score"] == result["final"]["surrogate_ridge"]
    for text in (result["caveat"], config["data"]["sentence"]):
        assert text.startswith("surrogate of NAS-Bench-301, not an accuracy")


def test_walking_a_whole_search_twice_gives_the_same_steps(fake, tmp_path):
    walks = []
    for _ in range(2):
        with walk(SPEC, PROFILE, tmp_path) as search:
            walks.append([str(step) for step in run(search)])
    assert walks[0] == walks[1]


@pytest.fixture
def fork_specs():
    """The longest self-evolution, and a run that shares its first two rounds."""
    return replace(SPEC, variant="lam=5"), replace(SPEC, variant="lam=2")


def test_a_fork_is_the_separate_run_of_the_same_seed(fake, tmp_path, fork_specs):
    trunk, fork = fork_specs
    search_run(trunk, PROFILE, tmp_path / "forked", lam=5)
    asked = len(fake.calls)
    forked = fork_run(fork, trunk, PROFILE, tmp_path / "forked", round=2, lam=2)
    own = len(fake.calls) - asked
    separate = search_run(fork, PROFILE, tmp_path / "separate", lam=2)
    for name, times in (("history.jsonl", ["seconds"]), ("transcript.jsonl", []), ("config.json", [])):
        if times:
            assert lines(forked / name, *times) == lines(separate / name, *times)
        else:
            assert (forked / name).read_bytes() == (separate / name).read_bytes(), name
    assert (forked / "result.json").read_bytes() == (separate / "result.json").read_bytes()
    assert 0 < own < len(fake.calls) - asked - own  # the separate run asked for the shared rounds too


def test_a_fork_that_was_stopped_goes_on(fake, tmp_path, fork_specs):
    trunk, fork = fork_specs
    search_run(trunk, PROFILE, tmp_path, lam=5)
    whole = fork_run(fork, trunk, PROFILE, tmp_path, round=2, lam=2)
    expected = lines(whole / "history.jsonl", "seconds")
    (whole / "result.json").unlink()
    kept = (whole / "history.jsonl").read_bytes().splitlines(keepends=True)
    (whole / "history.jsonl").write_bytes(b"".join(kept[:4]))
    asked = len(fake.calls)
    fork_run(fork, trunk, PROFILE, tmp_path, round=2, lam=2)
    assert lines(whole / "history.jsonl", "seconds") == expected and len(fake.calls) == asked


def test_a_rerun_goes_on_although_the_scores_of_its_parent_took_other_times(fake, tmp_path):
    spec = RunSpec("nas201", "cifar10", "fake:llm", "test", 0)
    search_run(spec, PROFILE, tmp_path)
    first = [step.record.score for step in rerun(spec, PROFILE, tmp_path, round=2)]
    path, asked = spec.folder(tmp_path) / "history.jsonl", len(fake.calls)
    records = list(read_lines(path))
    write_lines(path, [record | {"seconds": 1.5} for record in records])
    assert [step.record.score for step in rerun(spec, PROFILE, tmp_path, round=2)] == first
    assert len(fake.calls) == asked
    write_lines(path, [record | {"score": 1.5} for record in records])
    with pytest.raises(RunError, match="forked from another history"):
        next(rerun(spec, PROFILE, tmp_path, round=2))


def test_a_fork_of_what_cannot_be_shared_is_refused(fake, tmp_path, fork_specs):
    trunk, fork = fork_specs
    with pytest.raises(RunError, match="holds no run to fork from"):
        fork_run(fork, trunk, PROFILE, tmp_path, round=2, lam=2)
    search_run(trunk, PROFILE, tmp_path, lam=5)
    with pytest.raises(RunError, match="rounds of self-evolution only, which end before round 3"):
        fork_run(fork, trunk, PROFILE, tmp_path, round=3, lam=2)
    with pytest.raises(RunError, match=r"other settings \(search.novelty\)"):
        fork_run(fork, trunk, PROFILE, tmp_path, round=2, lam=2, novelty=False)
    assert not (fork.folder(tmp_path) / "history.jsonl").exists()


@pytest.mark.parametrize("seed", [0, 8])
@pytest.mark.parametrize("space", ["nas201", "darts"])
def test_kept_runs_of_the_reference_are_walked_to_their_end_without_a_question(space, seed):
    folder = ROOT / "results/reference/searches" / space / "cifar10/local-smollm2-135m/default" / f"seed={seed}"
    history = Repository(folder / "history.jsonl").records
    scores = {record.canonical: record.score for record in history}
    home = get_space(space)

    class KeptScores(Evaluator):
        task = "as it was"

        def __call__(self, arch):
            return Evaluation(scores[home.format(home.canonical(arch))], {}, 0.0)

        def final(self, arch):
            raise AssertionError("not asked for")

    config = json.loads((folder / "config.json").read_text())
    prompts = Prompts.load(config["llm"]["templates"])
    recorder = Recorder(folder / "transcript.jsonl", None)  # raises on what was not answered
    search = Search(home, KeptScores(), recorder, prompts, Repository(), SearchConfig(**config["search"]))
    assert [step.record.architecture for step in run(search)] == [record.architecture for record in history]


def test_a_run_that_chance_led_is_marked_and_goes_on_only_where_that_is_allowed(fake, tmp_path, monkeypatch):
    fake.replies = ["blah"] * 1000
    with pytest.raises(FallbackError, match="last said: 'blah'"):
        search_run(SPEC, PROFILE, tmp_path)
    asked = len(fake.calls)
    with pytest.raises(FallbackError, match="last said: 'blah'"):  # the same command does not slip by
        search_run(SPEC, PROFILE, tmp_path)
    assert len(fake.calls) == asked
    monkeypatch.setenv("ALLOW_FALLBACKS", "1")
    result = json.loads((search_run(SPEC, PROFILE, tmp_path) / "result.json").read_text())
    assert result["mostly_fallback"] and result["how"] == {"alpha0": 1, "fallback": 6}
    monkeypatch.delenv("ALLOW_FALLBACKS")
    search_run(SPEC, PROFILE, tmp_path)  # finished: it is read


@pytest.mark.parametrize("text", ["false", "no", "2", "yes"])
def test_a_switch_that_is_neither_on_nor_off_stops_before_anything_is_asked(text, fake, tmp_path, monkeypatch):
    monkeypatch.setenv("ALLOW_FALLBACKS", text)
    with pytest.raises(SettingError, match=f"ALLOW_FALLBACKS={text}: 1 lets"):
        search_run(SPEC, PROFILE, tmp_path)
    assert not fake.calls and not (SPEC.folder(tmp_path) / "config.json").exists()


@pytest.mark.parametrize(
    "variant", ["arm=iid", "evaluator=zero_cost:params", "supernet=darts", "bn=accumulated", "x,arm=names"]
)
def test_a_variant_that_says_what_the_search_is_not_is_refused(variant, tmp_path):
    spec = RunSpec("nas201", "cifar10", "chance:null", "smoke", 8, variant)
    with pytest.raises(SettingError, match="stands for"):
        search_run(spec, get_profile("smoke"), tmp_path)
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.parametrize("template", [
    "{% for e in examples %}{{ e.acc }}{% endfor %}", "{% include 'x' %}", "{{ examples[0].score / 0 }}",
    "<system>\n{% set a = 1 %}\n</system>\n{{ a }}",
])  # fmt: skip
def test_a_template_that_fails_in_its_stage_is_refused_before_any_round(template, fake, tmp_path):
    """Prompt E is first sent when self-evolution is over, and paid for."""
    prompts = Prompts.load("full").edited(inspire=template)
    with pytest.raises(PromptError, match="template inspire"):
        search_run(SPEC, PROFILE, tmp_path, prompts=prompts)
    assert not list(tmp_path.iterdir())


def test_a_template_may_take_a_cell_apart(fake, tmp_path):
    """What it is filled in with before any round are cells of the space."""
    prompts = Prompts.load("full").edited(inspire="{{ examples[0].architecture.split()[1] }}: better?")
    assert is_finished(search_run(SPEC, PROFILE, tmp_path, prompts=prompts))
