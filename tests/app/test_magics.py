import json

import pytest
from fakes import FakeLLM
from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell

from seki_lib import runs
from seki_lib.app import magics
from seki_lib.files.errors import RunError, SekiError
from seki_lib.files.jsonl import read_lines
from seki_lib.profiles import Profile
from seki_lib.prompts import PromptError, Prompts
from seki_lib.runs import RunSpec, search_run, walk
from seki_lib.search import run

PROFILE = Profile("test", rounds=6, lam=4, k=3, xi=2)
SPEC = RunSpec("nas201", "cifar10", "fake:llm", "test", 0)
EDITED = "{{ space }}\nCell {{ architecture }} at {{ score }}. Look at the gradient."


@pytest.fixture
def fake(monkeypatch, table):
    llm = FakeLLM()
    monkeypatch.setattr(runs, "get_llm", lambda name: llm)
    monkeypatch.setattr(magics, "get_llm", lambda name: llm)
    return llm


@pytest.fixture
def bench(fake, tmp_path):
    search_run(SPEC, PROFILE, tmp_path)
    fake.calls.clear()
    return magics.Bench(SPEC, PROFILE, tmp_path)


@pytest.mark.parametrize(("stage", "round"), [("critique", 1), ("critique", 3), ("refine", 2), ("inspire", 6)])
def test_the_preview_is_what_the_run_really_sent(stage, round, bench, fake):
    transcript = bench.spec.folder(bench.results) / "transcript.jsonl"
    sent = next(c for c in read_lines(transcript) if (c["stage"], c["round"], c["attempt"]) == (stage, round, 0))
    preview = bench.preview(stage, round)
    assert preview.messages == sent["messages"]
    assert fake.calls == []


def test_an_edited_prompt_is_shown_filled_in_with_its_length_and_a_diff(bench):
    bench.edit("critique", EDITED)
    text = str(bench.preview("critique", 3))
    assert "Look at the gradient." in text and "{{" not in text.partition("Changed")[0]
    assert text.startswith("Prompt critique, round 3: about ") and "price not known" in text
    assert "-To raise the {{ metric }}, change" in text and "+Cell {{ architecture }} at {{ score }}." in text


def test_a_rerun_forks_from_its_round_and_pays_for_nothing_before(bench, fake):
    bench.edit("critique", EDITED)
    steps = list(bench.rerun(3))
    assert [step.record.round for step in steps] == [3, 4, 5, 6]
    assert min(seed.round for _, _, seed in fake.calls) == 3
    parent = bench.spec.folder(bench.results)
    (fork,) = [path for path in parent.parents[1].iterdir() if path.name.endswith(",from=3")]
    folder = fork / "seed=0"
    assert fork.name.startswith("prompts=")
    before, after = ((p / "history.jsonl").read_text().splitlines() for p in (parent, folder))
    assert after[:3] == before[:3] and len(after) == 7
    asked = list(read_lines(folder / "transcript.jsonl"))
    assert all("Look at the gradient." in str(call["messages"]) for call in asked if call["stage"] == "critique")
    assert min(call["round"] for call in asked) == 3
    config = json.loads((folder / "config.json").read_text())
    assert config["prompts"]["critique"] != json.loads((parent / "config.json").read_text())["prompts"]["critique"]
    assert (folder / "prompts" / "critique.md.j2").read_text() == EDITED
    asked = len(fake.calls)
    assert [str(step) for step in bench.rerun(3)] == [str(step) for step in steps]
    assert len(fake.calls) == asked  # rerun once, it comes from its transcript


def test_one_round_can_be_rerun_and_the_rest_later(bench, fake):
    bench.edit("refine", "{{ strategy }}: {{ architecture }}")
    (one,) = bench.rerun(2, rounds=1)
    asked = len(fake.calls)
    again, *rest = bench.rerun(2)
    assert again.record == one.record and len(rest) == 4
    assert all(seed.round > 2 for _, _, seed in fake.calls[asked:])


def test_an_unchanged_prompt_reruns_to_the_same_cells(bench, fake):
    history = [line["architecture"] for line in read_lines(bench.spec.folder(bench.results) / "history.jsonl")]
    assert [step.record.architecture for step in bench.rerun(3)] == history[3:]


def test_a_run_that_was_only_walked_can_be_forked_too(fake, tmp_path):
    with walk(SPEC, PROFILE, tmp_path) as search:
        for _, step in zip(range(4), run(search), strict=False):
            last = step.record
    asked = len(fake.calls)
    (step,) = magics.Bench(SPEC, PROFILE, tmp_path).rerun(3, rounds=1)
    assert step.record == last
    assert {seed.round for _, _, seed in fake.calls[asked:]} == {3}


def test_a_round_that_is_not_there_is_one_sentence(bench):
    with pytest.raises(RunError, match=r"has 7 rounds \(α0 counts as one\), too few to go on from round 9"):
        list(bench.rerun(9))
    with pytest.raises(SekiError, match="prompt inspire is sent in rounds 5 to 6, not in round 2"):
        bench.preview("inspire", 2)


def test_an_unknown_variable_lists_the_known_ones_and_changes_nothing(bench):
    with pytest.raises(PromptError, match=r"(?s)uses fitness; it may use\n.*score: f\(α\(i-1\)\)"):
        bench.edit("critique", "{{ fitness }}")
    assert bench.prompts == bench.default


def test_the_cell_magic_checks_shows_saves_and_says_its_usage(bench, tmp_path, capsys):
    bench.cell_magic(f"critique --round 2 --save {tmp_path}/mine.md.j2", EDITED)
    assert "round 2" in capsys.readouterr().out
    assert (tmp_path / "mine.md.j2").read_text() == EDITED
    for line, cell, sentence in [
        ("critique", "{{ fitness }}", "it may use"),
        ("critic", EDITED, "invalid choice"),
        ("", EDITED, "required: stage"),
        ("critique --round 44", EDITED, "too few to go on"),
    ]:
        before = bench.prompts
        with pytest.raises(UsageError) as error:
            bench.cell_magic(line, cell)
        assert sentence in str(error.value) and bench.prompts == before


def test_in_a_notebook_the_magic_is_bound_by_bench(fake, tmp_path, monkeypatch, capsys):
    search_run(SPEC, PROFILE, tmp_path)
    shell = InteractiveShell.instance()
    bench = magics.bench(SPEC, PROFILE, tmp_path)
    shell.run_cell(f"%%prompt critique\n{EDITED}", silent=False)
    assert bench.prompts.text("critique").strip() == EDITED
    InteractiveShell.clear_instance()


def test_a_run_with_its_own_prompts_can_be_edited_further_and_forks_do_not_collide(fake, tmp_path):
    mine = Prompts.load("compact").edited(refine="{{ strategy }}: {{ architecture }}")
    search_run(SPEC, PROFILE, tmp_path, prompts=mine)
    spec = runs.with_prompts(SPEC, mine)
    bench = magics.Bench(spec, PROFILE, tmp_path, mine)
    assert bench.preview("refine", 2).diff == ""
    same = list(bench.rerun(2, rounds=1))
    bench.edit("critique", EDITED)
    list(bench.rerun(2, rounds=1))
    bench.edit("critique", EDITED + " Now!")
    list(bench.rerun(2, rounds=1))
    assert same[0].record.round == 2
    forks = [path.name for path in spec.folder(tmp_path).parents[1].iterdir() if path.name.endswith(",from=2")]
    assert len(forks) == 3 and all(name.startswith(f"prompts={mine.hash},") for name in forks)


def test_a_rerun_stands_beside_the_same_rounds_of_the_run_with_their_cells_drawn(bench):
    history = [line["score"] for line in read_lines(bench.spec.folder(bench.results) / "history.jsonl")]
    bench.edit("critique", EDITED)
    beside = bench.beside(3, rounds=2)
    assert [record.score for record in beside.before] == history[3:5]
    assert [record.round for record in beside.after] == [3, 4]
    assert f"round 3: {history[3]:.2f} before" in str(beside) and "prove nothing" in str(beside)
    page = beside._repr_html_()
    assert page.count("<img") == 4 and "prove nothing" in page


def test_prompts_are_compared_by_whole_searches_of_the_same_seeds_and_nothing_is_asked_twice(bench, fake, capsys):
    bench.edit("critique", EDITED)
    found = bench.compare(seeds=3)
    assert len(found.scores) == 3 and capsys.readouterr().out.count("with your changes") == 3
    asked = len(fake.calls)
    assert bench.compare(seeds=3) == found and len(fake.calls) == asked
    assert "of 3 seeds; 95 % interval" in str(found)
    bench.prompts = bench.default
    assert {after - before for before, after in bench.compare(seeds=2).scores} == {0.0}


@pytest.mark.parametrize(
    ("scores", "sentence"),
    [
        (((90.0, 91.0),), "proves nothing"),
        (((90.0, 91.0), (90.0, 89.0)), "no difference is shown"),
        (((90.0, 91.0), (90.0, 91.01), (90.0, 91.0)), "excludes 0"),
    ],
)
def test_a_comparison_says_what_it_shows(scores, sentence):
    assert sentence in str(magics.Paired(scores))


def test_what_a_template_filled_in_is_marked_for_people_and_never_sent(bench, fake):
    bench.edit(
        "critique", "<b>Cell</b> {{ architecture }} at {{ score }}.{% for edit in edits %} {{ edit }}{% endfor %}"
    )
    preview = bench.preview("critique", 1)
    assert "&lt;b&gt;Cell&lt;/b&gt; <mark>" in preview._repr_html_() and preview._repr_html_().count("<mark>") > 5
    assert "\ue000" not in str(preview) and "\ue000" not in preview._repr_html_()
    list(bench.rerun(1, rounds=1))
    assert not any("\ue000" in str(messages) for messages, _, _ in fake.calls)


def test_another_notation_is_picked_as_easily_as_another_prompt(table, tmp_path):
    spec = RunSpec("nas201", "cifar10", "chance:null", "test", 0)
    search_run(spec, PROFILE, tmp_path)
    bench = magics.Bench(spec, PROFILE, tmp_path)
    bench.pick(notation="names")
    assert "nor_conv_3x3" in str(bench.preview("critique", 3))
    (step,) = bench.rerun(3, rounds=1)
    assert step.record.round == 3 and "nor_conv_3x3" in str(step.exchanges[0].messages)
    (fork,) = [path for path in spec.folder(tmp_path).parents[1].iterdir() if "from" in path.name]
    assert fork.name == "notation=names,from=3"
    assert len(bench.compare(seeds=2).scores) == 2
    bench.pick()
    assert "nor_conv_3x3" not in str(bench.preview("critique", 3))
    with pytest.raises(SekiError, match=r"valid: .*notation"):
        bench.pick(notations="names")
    with pytest.raises(SekiError, match="valid: "):
        bench.pick(notation="hieroglyphs")


def test_another_llm_goes_on_from_a_run_and_brings_its_own_prompts(bench, fake, monkeypatch, tmp_path):
    other = FakeLLM()
    other.name, other.templates, other.notation, other.strategy = "fake:other", "full", "names", "free"
    for module in (magics, runs):
        monkeypatch.setattr(module, "get_llm", {"fake:llm": fake, "fake:other": other}.__getitem__)
    bench.pick("fake:other")
    assert "neural architecture" in str(bench.preview("critique", 3)).lower()
    assert [step.record.round for step in bench.rerun(3, rounds=2)] == [3, 4]
    assert not fake.calls and {seed.round for _, _, seed in other.calls} == {3, 4}
    assert (
        bench.spec.folder(bench.results).parents[2] / "fake-other" / "default,from=3" / "seed=0" / "fork.json"
    ).exists()


@pytest.mark.parametrize("settings", [
    {"rounds": 8}, {"xi": 2.5}, {"xi": "a"}, {"critique_tokens": -5}, {"novelty": 1}, {"strategy": None},
])  # fmt: skip
def test_a_setting_of_another_type_or_range_is_refused_when_it_is_picked(bench, settings):
    with pytest.raises(SekiError):
        bench.pick(**settings)
    assert list(bench.rerun(5, rounds=1))


def test_numbers_that_count_nothing_are_refused(bench):
    for call in (lambda: bench.compare(seeds=0), lambda: bench.compare(seeds="x"), lambda: bench.rerun(1, rounds=-1)):
        with pytest.raises(SekiError, match="is no whole number from 1"):
            call()


def test_a_prompt_that_cannot_be_shown_or_saved_is_not_put_in_place(bench, tmp_path):
    before = bench.prompts
    for line, cell in ((f"critique --save {tmp_path}", "Better: {{ edits }}"), ("critique", '{{ "{}{}".format(1) }}')):
        with pytest.raises(UsageError):
            bench.cell_magic(line, cell)
        assert bench.prompts == before


@pytest.mark.parametrize(
    "line", ["critique --round 'x", "critique --round x", "critique --round 0", "critique --round ٣"]
)
def test_a_round_that_is_none_is_a_sentence(line, bench):
    before = bench.prompts
    with pytest.raises(UsageError):
        bench.cell_magic(line, "Better: {{ edits }}")
    assert bench.prompts == before
    for wrong in (2.5, "--1", 0):
        with pytest.raises(SekiError, match="is no whole number from 1"):
            bench.rerun(wrong)


def test_a_file_name_in_quotes_may_hold_blanks_and_is_read_back_as_it_was_saved(bench, tmp_path, capsys):
    path = tmp_path / "a b.md.j2"
    bench.cell_magic(f"critique --save '{path}'", "Better:\r\n{{ edits }}")
    assert bench.prompts.text("critique") == path.read_text() == "Better:\n{{ edits }}"
