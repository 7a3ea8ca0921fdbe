"""Whatever stands in the files of a run, they are read or refused in a sentence that names the file."""

import json
import shutil

import pytest

from seki_lib.app.commands import read
from seki_lib.app.show import describe, prices_of
from seki_lib.files.errors import SekiError
from seki_lib.llm import get_llm
from seki_lib.profiles import Profile
from seki_lib.report.how import how_notes
from seki_lib.report.table7 import reply_counts
from seki_lib.report.unfolded import Unfolded
from seki_lib.results import Home
from seki_lib.runs import RunSpec, search_run

PROFILE = Profile("test", rounds=3, lam=2, k=2, xi=1, baseline_seeds=1)
SPEC = RunSpec("nas201", "cifar10", "fake:llm", "test", 0)
FILES = ("config.json", "result.json", "history.jsonl", "transcript.jsonl")
JUNK = [None, 3, -1.5, 10**400, float("nan"), "x", "", [], [None], {}, {"x": None}, True]


def places(value, path=()):
    """Every field of a JSON object, however deep."""
    if isinstance(value, dict):
        for name, inner in value.items():
            yield (*path, name)
            yield from places(inner, (*path, name))
    elif isinstance(value, list) and value:
        yield from places(value[0], (*path, 0))


def changed(value, place, new):
    """A copy with another value at a place; without the field where that is ..."""
    copy = json.loads(json.dumps(value))
    at = copy
    for name in place[:-1]:
        at = at[name]
    if new is ...:
        del at[place[-1]]
    else:
        at[place[-1]] = new
    return copy


def read_all(folder, results, *, search=True):
    """Everything that reads a run, one after another; what one refuses in a sentence the next may read.

    search: replay it and go on with it too, which takes most of the time.
    """
    replayed = RunSpec("nas201", "cifar10", f"replay:{folder}", "test", 0)
    searches = [lambda: search_run(replayed, PROFILE, results / "again"), lambda: search_run(SPEC, PROFILE, results)]
    for reader in (
        lambda: describe(folder),
        lambda: list(prices_of(folder)),
        lambda: get_llm(f"replay:{folder}"),
        lambda: [
            (one.llm, one.score, one.scoring_seconds) for one in Home(results, "test").finished_searches("nas201")
        ],
        lambda: how_notes([folder]),
        lambda: reply_counts(folder),
        lambda: list(Unfolded(folder, results).rounds()),
        *(searches if search else ()),
    ):
        try:
            reader()
        except SekiError as error:
            assert str(error).strip()


@pytest.mark.parametrize("name", FILES)
def test_a_field_of_any_other_kind_is_read_or_refused_in_a_sentence(name, fake, tmp_path):
    good = search_run(SPEC, PROFILE, tmp_path / "good")
    *lines, _ = (good / name).read_text().split("\n") if name.endswith("l") else [(good / name).read_text(), ""]
    record = json.loads(lines[0])
    wrong = [(place, new) for place in places(record) for new in (*JUNK, ...)]
    for number, (place, new) in enumerate(wrong):
        results = tmp_path / str(number)
        folder = SPEC.folder(results)
        shutil.copytree(good, folder)
        text = "\n".join([json.dumps(changed(record, place, new)), *lines[1:], ""])
        (folder / name).write_text(text)
        try:
            read_all(folder, results, search=new in ({"x": None}, ...))
        except Exception as error:
            raise AssertionError(f"{place} = {new!r}") from error
        shutil.rmtree(results)


@pytest.mark.parametrize("content", [b"", b"\xff\xfe", b"{", b"[]", b"null", b"3", b"{}", b'{"a": 1}', b"\x00\x00"])
@pytest.mark.parametrize("name", [*FILES, "prompts/refine.md.j2"])
def test_a_file_of_any_other_content_is_read_or_refused_in_a_sentence(name, content, fake, tmp_path):
    folder = search_run(SPEC, PROFILE, tmp_path)
    (folder / name).write_bytes(content)
    read_all(folder, tmp_path)


def test_the_command_says_a_sentence_too(fake, tmp_path, capsys):
    folder = search_run(SPEC, PROFILE, tmp_path)
    (folder / "config.json").write_text('{"run": {"space": 3}}')
    with pytest.raises(SekiError, match=r"config\.json is damaged \(run\.space is 3, not a text\)"):
        read(["show", str(folder)]).run()


@pytest.mark.parametrize("name", ["seed=0 (copy)", "seed=0.bak", "seed=x", "seed="])
def test_a_copy_of_a_folder_beside_it_is_passed_over(name, fake, tmp_path):
    folder = search_run(SPEC, PROFILE, tmp_path)
    shutil.copytree(folder, folder.with_name(name))
    assert [one.seed for one in Home(tmp_path, "test").finished_searches("nas201")] == [0]
