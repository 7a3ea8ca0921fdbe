"""What a run left behind: by other code, by another version, damaged. Nothing paid is lost, and all is said."""

import json
import re
import resource
import shlex
from dataclasses import replace
from functools import partial
from itertools import islice

import pytest

from seki_lib import baseline_runs as runs_of_baselines
from seki_lib import runs
from seki_lib.app.commands import read
from seki_lib.baseline_runs import baseline_runs
from seki_lib.files.errors import LLMError, RunError, say_once
from seki_lib.files.jsonl import read_lines
from seki_lib.profiles import Profile
from seki_lib.prompts import Prompts
from seki_lib.results import differences
from seki_lib.runs import RunSpec, rerun, search_run, walk
from seki_lib.search import (
    baselines,
    run,
)
from seki_lib.search.repository import Repository

PROFILE = Profile("test", rounds=6, lam=4, k=3, xi=2, baseline_seeds=5)
SPEC = RunSpec("nas201", "cifar10", "fake:llm", "test", 0)


def lines(path, *without):
    """A file's lines without the fields that hold times."""
    return [{key: value for key, value in line.items() if key not in without} for line in read_lines(path)]


@pytest.fixture
def code(monkeypatch):
    """The fingerprint of the code that decides searches, to be changed."""
    code = {"now": "aaaa"}
    monkeypatch.setattr(runs, "fingerprint", lambda *modules: code["now"])
    return code


def test_a_finished_run_of_other_code_is_kept_and_run_anew_beside_it(fake, tmp_path, code):
    folder = search_run(SPEC, PROFILE, tmp_path)
    before = {path.name: path.read_bytes() for path in folder.glob("*.json*")}
    asked = len(fake.calls)
    code["now"] = "bbbb"
    assert search_run(SPEC, PROFILE, tmp_path) == folder
    kept = folder.parent.with_name("default,code=aaaa") / folder.name
    assert {path.name: path.read_bytes() for path in kept.glob("*.json*")} == before
    assert json.loads((folder / "config.json").read_text())["code"] == "bbbb"
    assert len(fake.calls) == asked, "what the same LLM answered to the same question was asked again"
    assert lines(folder / "transcript.jsonl") == lines(kept / "transcript.jsonl")


def test_other_default_prompts_redo_a_finished_run_and_ask_only_what_is_new(fake, tmp_path, monkeypatch):
    folder = search_run(SPEC, PROFILE, tmp_path)
    asked = len(fake.calls)
    load = Prompts.load
    other = load("compact").edited(inspire=load("compact").text("inspire").replace("Cell", "A cell"))
    monkeypatch.setattr(runs.Prompts, "load", lambda *names, **texts: other)
    search_run(SPEC, PROFILE, tmp_path)
    assert json.loads((folder / "config.json").read_text())["prompts"] == other.hashes
    new = fake.calls[asked:]
    assert new and all(
        "A cell" in messages[0]["content"] or "To raise" in messages[0]["content"] for messages, _, _ in new
    )
    assert len(lines(folder / "transcript.jsonl")) < asked + len(new)


def test_a_half_done_run_of_other_code_is_kept_and_its_answers_are_not_asked_for_again(fake, tmp_path, code, capsys):
    folder = search_run(SPEC, PROFILE, tmp_path, until=3)
    before = {path.name: path.read_bytes() for path in folder.glob("*.json*")}
    asked = len(fake.calls)
    code["now"] = "bbbb"
    assert search_run(SPEC, PROFILE, tmp_path) == folder
    kept = folder.parent.with_name("default,code=aaaa") / folder.name
    assert {path.name: path.read_bytes() for path in kept.glob("*.json*")} == before
    assert str(kept) in capsys.readouterr().out
    calls = lines(folder / "transcript.jsonl")
    assert calls[:asked] == lines(kept / "transcript.jsonl") and len(fake.calls) == len(calls) > asked
    assert {
        json.loads((kept.parent.parent / name / folder.name / "config.json").read_text())["code"]
        for name in ("default", "default,code=aaaa")
    } == {"aaaa", "bbbb"}


def test_a_finished_transcript_is_never_appended_to(fake, tmp_path):
    folder = search_run(SPEC, PROFILE, tmp_path)
    before = (folder / "transcript.jsonl").read_bytes()
    with walk(SPEC, PROFILE, tmp_path) as search:
        list(run(search))
        with pytest.raises(LLMError, match="holds no answer to this call"):
            search.llm.complete([{"role": "user", "content": "something else"}], seed=search.seed(1, "refine"))
    assert (folder / "transcript.jsonl").read_bytes() == before


def test_a_finished_run_of_other_code_cannot_be_walked(fake, tmp_path, code):
    search_run(SPEC, PROFILE, tmp_path)
    code["now"] = "bbbb"
    with (
        pytest.raises(RunError, match=r"made by other code. Next: seki search .*--seed 0"),
        walk(SPEC, PROFILE, tmp_path),
    ):
        pass


def test_the_printed_command_of_a_named_run_carries_its_settings_and_its_templates(fake, tmp_path, code):
    """Given as it is printed, it makes the same run anew."""
    edited = Prompts.load("compact", inspire="{{ examples }}")
    for spec, prompts, changes in [
        (replace(SPEC, variant="lam=2,k=2"), None, {"lam": 2, "k": 2}),
        (replace(SPEC, variant=f"prompts={edited.hash}"), edited, {}),
    ]:
        code["now"] = "aaaa"
        folder = search_run(spec, PROFILE, tmp_path, prompts=prompts, **changes)
        code["now"] = "bbbb"
        with (
            pytest.raises(RunError, match=r"made by other code\. Next: ") as refused,
            walk(spec, PROFILE, tmp_path, prompts=prompts, **changes),
        ):
            pass
        printed = read(shlex.split(re.search(r"Next: seki (.*?)  \(it", str(refused.value))[1]))
        given = printed.given("lam", "k", "xi")
        assert given == changes
        texts = {stage: path.read_text() for stage, path in printed.given("critique", "refine", "inspire").items()}
        assert texts == ({stage: edited.text(stage) for stage in ("critique", "refine", "inspire")} if prompts else {})
        again = search_run(
            printed.spec(printed.variant), PROFILE, printed.results, prompts=Prompts(texts) if texts else None, **given
        )
        made, kept = (
            lines(there / "history.jsonl", "seconds")
            for there in (again, folder.parent.with_name(f"{spec.variant},code=aaaa") / folder.name)
        )
        assert again == folder and made == kept


def test_the_version_alone_decides_nothing(fake, tmp_path, monkeypatch):
    folder = search_run(SPEC, PROFILE, tmp_path)
    files = {path: path.read_bytes() for path in folder.rglob("*.json*")}
    monkeypatch.setattr(runs, "__version__", "9.9")
    assert search_run(SPEC, PROFILE, tmp_path) == folder
    assert {path: path.read_bytes() for path in folder.rglob("*.json*")} == files


@pytest.mark.parametrize(
    ("part", "name"),
    [("llm", "temperature"), ("llm", "name"), ("run", "seed"), ("search", "lam"), ("prompts", "refine")],
)
def test_what_differs_between_two_runs_is_named(part, name):
    here = {"run": {"seed": 0}, "search": {"lam": 4}, "llm": {"name": "a"}, "prompts": {"refine": "1"}, "code": "x"}
    here |= {"data": {"name": "table", "sentence": "from here"}, "version": "1"}
    assert differences(here, here | {"data": {"name": "table", "sentence": "from there"}, "version": "2"}) == []
    there = here | {part: here[part] | {name: "other"}}
    assert differences(there, here) == differences(here, there) == [f"{part}.{name}"]
    assert differences(here, here | {"code": "y"}) == ["code"]


def test_baselines_of_other_code_are_computed_anew(tmp_path, table, monkeypatch):
    def evolution():
        return baseline_runs("nas201", "cifar10", PROFILE, tmp_path, evaluations=20).scores["regularized_evolution"]

    first = evolution()
    ageing = baselines.BASELINES["regularized_evolution"]
    monkeypatch.setitem(baselines.BASELINES, "regularized_evolution", partial(ageing, population=2, tournament=1))
    assert (evolution() == first).all()  # kept
    monkeypatch.setattr(runs_of_baselines, "fingerprint", lambda *modules: "other code")
    assert not (evolution() == first).all()


@pytest.mark.parametrize("content", [b"", b'{"architecture": "|no', b"null", b"\x00" * 30])
def test_a_damaged_result_is_named_and_made_again_from_the_history(fake, tmp_path, capsys, content):
    folder = search_run(SPEC, PROFILE, tmp_path)
    whole, asked = (folder / "result.json").read_bytes(), len(fake.calls)
    (folder / "result.json").write_bytes(content)
    say_once.cache_clear()
    assert not runs.is_finished(folder)
    search_run(SPEC, PROFILE, tmp_path)
    assert (folder / "result.json").read_bytes() == whole and len(fake.calls) == asked
    said = capsys.readouterr().err
    assert said.count("result.json is damaged") == 1 and "made again" in said


@pytest.mark.parametrize("content", [b"", b'{"run": {', b"[]"])
def test_damaged_settings_are_named_and_the_advice_loses_no_answer(fake, tmp_path, content):
    folder = search_run(SPEC, PROFILE, tmp_path, until=3)
    asked = len(fake.calls)
    (folder / "config.json").write_bytes(content)
    with pytest.raises(RunError, match=r"config.json is damaged \(.*Remove it and history.jsonl"):
        search_run(SPEC, PROFILE, tmp_path)
    (folder / "config.json").unlink()
    (folder / "history.jsonl").unlink()
    search_run(SPEC, PROFILE, tmp_path, until=3)
    assert len(fake.calls) == asked


@pytest.mark.parametrize("damage", [
    '{"key": "a"', "null", '{"key": 7, "reply": "x", "usage": {}, "seconds": 1}', '{"reply": "x"}',
    '{"key": "a", "reply": null, "usage": {}, "seconds": 1}', '{"key": "a", "reply": "x", "usage": null, "seconds": 1}',
    '{"key": "a", "reply": "x", "usage": {"prompt_tokens": "many"}, "seconds": 1}', '{"key": "a", "seconds": 1}',
])  # fmt: skip
def test_a_damaged_line_in_a_transcript_is_named_and_its_removal_costs_one_answer(fake, tmp_path, damage):
    folder = search_run(SPEC, PROFILE, tmp_path, until=3)
    path, asked = folder / "transcript.jsonl", len(fake.calls)
    calls = path.read_text().splitlines()
    path.write_text("\n".join([*calls[:2], damage, *calls[3:], ""]))
    with pytest.raises(RunError, match=r"transcript.jsonl, line 3 is damaged \(.*Remove that line"):
        search_run(SPEC, PROFILE, tmp_path)
    path.write_text("\n".join([*calls[:2], *calls[3:], ""]))
    (folder / "history.jsonl").unlink()
    search_run(SPEC, PROFILE, tmp_path, until=3)
    assert len(fake.calls) == asked + 1


def test_without_room_for_its_reply_an_llm_is_not_asked(fake, tmp_path):
    folder = search_run(SPEC, PROFILE, tmp_path, until=2)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    asked, size = len(fake.calls), (folder / "transcript.jsonl").stat().st_size
    resource.setrlimit(resource.RLIMIT_FSIZE, (size + 10_000, before[1]))
    try:
        with pytest.raises(RunError, match=r"transcript.jsonl cannot be written"):
            search_run(SPEC, PROFILE, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert len(fake.calls) == asked
    assert runs.is_finished(search_run(SPEC, PROFILE, tmp_path))


def test_a_reply_that_cannot_be_kept_stops_the_run(fake, tmp_path, monkeypatch):
    def full(path, record):
        raise RunError(f"{path} cannot be written or read (No space left on device).")

    folder = search_run(SPEC, PROFILE, tmp_path, until=2)
    rounds = len(Repository(folder / "history.jsonl").records)
    monkeypatch.setattr("seki_lib.llm.transcript.append_line", full)
    with pytest.raises(RunError, match="No space left on device"):
        search_run(SPEC, PROFILE, tmp_path)
    assert len(Repository(folder / "history.jsonl").records) == rounds


def test_a_fork_that_a_notebook_began_with_other_code_is_begun_anew_and_asks_nothing_twice(fake, tmp_path, code):
    search_run(SPEC, PROFILE, tmp_path)
    fork = partial(rerun, SPEC, PROFILE, tmp_path, round=2, rounds=1, lam=3)
    first = [step.record.architecture for step in fork()]
    asked, code["now"] = len(fake.calls), "bbbb"
    search_run(SPEC, PROFILE, tmp_path)
    assert [step.record.architecture for step in fork()] == first and len(fake.calls) == asked


def test_a_run_that_was_only_begun_with_other_code_is_walked_anew_and_asks_nothing_twice(fake, tmp_path, code):
    with walk(SPEC, PROFILE, tmp_path) as search:
        first = [step.record.architecture for step in islice(run(search), 3)]
    asked, code["now"] = len(fake.calls), "bbbb"
    with walk(SPEC, PROFILE, tmp_path) as search:
        assert [step.record.architecture for step in islice(run(search), 3)] == first
    assert (
        len(fake.calls) == asked and json.loads((SPEC.folder(tmp_path) / "config.json").read_text())["code"] == "bbbb"
    )


def test_a_run_that_was_only_begun_with_other_settings_stays_where_it_is(fake, tmp_path, code):
    with walk(SPEC, PROFILE, tmp_path) as search:
        list(islice(run(search), 2))
    before = (SPEC.folder(tmp_path) / "config.json").read_bytes()
    code["now"] = "bbbb"
    with pytest.raises(RunError, match="made with other settings"), walk(SPEC, PROFILE, tmp_path, samples=3):
        pass
    assert (SPEC.folder(tmp_path) / "config.json").read_bytes() == before


def test_a_run_that_has_asked_nothing_yet_takes_the_settings_of_today(fake, tmp_path):
    """Such as one that stopped at a cut model file, of which a good copy has other bytes."""
    search_run(SPEC, PROFILE, tmp_path, until=0)
    folder = search_run(SPEC, PROFILE, tmp_path, alpha0="all-skip", until=2)
    assert json.loads((folder / "config.json").read_text())["search"]["alpha0"] == "all-skip"
    assert lines(folder / "history.jsonl")[0]["architecture"].count("skip_connect") == 6
    with pytest.raises(RunError, match="other settings"):
        search_run(SPEC, PROFILE, tmp_path, samples=3)


def test_rounds_that_were_only_walked_with_other_code_are_forked_from_the_same_answers(fake, tmp_path, code):
    with walk(SPEC, PROFILE, tmp_path) as search:
        first = [step.record.architecture for step in islice(run(search), 4)]
    asked, code["now"] = len(fake.calls), "bbbb"
    records = runs.first_rounds(SPEC, PROFILE, tmp_path, 4)
    assert [record.architecture for record in records] == first and len(fake.calls) == asked
