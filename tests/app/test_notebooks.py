"""The notebooks as they are kept and as they are started; tests/test_reproduce.py runs them."""

import dis
import json
import re
from pathlib import Path
from random import Random

import nbformat
import pytest

from seki_lib.app import notebook
from seki_lib.app.notebook import NotebookError, execute, find_notebook, parameters_of, read_parameters, spec_of, start
from seki_lib.files.errors import SekiError, UnknownName
from seki_lib.search import Record, Step
from seki_lib.spaces import get_space

NOTEBOOKS = sorted((Path(__file__).parents[2] / "notebooks").glob("*.ipynb"))
LONGEST_CELL = 14


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_a_notebook_is_kept_without_outputs_and_reads_well(path):
    cells = nbformat.read(path, 4).cells
    code = [cell for cell in cells if cell.cell_type == "code"]
    assert cells[0].source.startswith("# ") and "**Goal:**" in cells[0].source
    assert all(not cell.outputs and cell.execution_count is None for cell in code)
    assert "versions()" in code[0].source
    assert code[1].metadata.tags == ["parameters"]
    assert all(len(cell.source.splitlines()) <= LONGEST_CELL for cell in code)


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda p: p.stem)
def test_no_cell_of_a_notebook_gives_a_parameter_another_value(path):
    _, parameters, *others = (cell.source for cell in nbformat.read(path, 4).cells if cell.cell_type == "code")
    assigned = {name for source in others if not source.startswith("%%") for name in names_assigned(source)}
    assert not assigned & names_assigned(parameters)  # or its first cells could not be run again


def names_assigned(source):
    """Names that a cell binds; those of a comprehension stay inside of it."""
    instructions = dis.get_instructions(compile(source, "cell", "exec"))
    return {one.argval for one in instructions if one.opname == "STORE_NAME"}


def test_a_notebook_says_what_is_missing(tmp_path):
    path = next(p for p in NOTEBOOKS if p.stem == "03_knowledge_inspiration")
    parameters = {"profile": "smoke", "results": str(tmp_path)}
    with pytest.raises(NotebookError, match="holds 0 of the 4 rounds needed here"):
        execute(path, tmp_path / "out.ipynb", parameters)
    assert not (tmp_path / "out.ipynb").exists()


def test_an_unknown_parameter_is_an_error_before_anything_runs(tmp_path):
    with pytest.raises(NotebookError, match="unknown parameter sede; it has: profile, llm, seed, results"):
        execute(next(p for p in NOTEBOOKS if p.stem.startswith("02")), tmp_path / "out.ipynb", {"sede": 1})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    "source",
    [
        'profile = "smoke"  # a = b, c = d',
        'profile = other = "x=y"',
        'profile: str = "smoke"  # typed = yes',
        'other = "smoke"\nprofile = f"{other}={1}"',
        'profile, other = "smoke", 1',
        'profile = (\n    "smoke"\n)',
        'if True:\n    profile = "smoke"',
    ],
)
def test_a_parameter_is_found_however_its_line_is_written(source, tmp_path):
    cell = nbformat.v4.new_code_cell(source, metadata={"tags": ["parameters"]})
    nbformat.write(nbformat.v4.new_notebook(cells=[cell]), tmp_path / "one.ipynb")
    assert "profile" in parameters_of(tmp_path / "one.ipynb")
    with pytest.raises(NotebookError, match=r"unknown parameter nope; it has: .*profile"):
        execute(tmp_path / "one.ipynb", tmp_path / "out.ipynb", {"nope": 1})


@pytest.mark.parametrize("content", ["", "{}", "[]", "{", "\x00", '{"cells": 3}', "# notes"])
def test_a_file_that_is_no_notebook_is_refused_in_a_sentence(content, tmp_path):
    (tmp_path / "one.ipynb").write_text(content)
    with pytest.raises(NotebookError, match="is no notebook that can be run"):
        execute(tmp_path / "one.ipynb", tmp_path / "out.ipynb", {})


@pytest.mark.parametrize(
    "name",
    ["13_table3_nas201", "13_table3_nas201.ipynb", "notebooks/13_table3_nas201.ipynb", "notebooks/13_table3_nas201"],
)
def test_a_notebook_is_found_by_name_with_or_without_folder_and_ending(name, tmp_path, monkeypatch):
    (wanted,) = (path for path in NOTEBOOKS if path.stem == "13_table3_nas201")
    assert find_notebook(str(wanted)) == wanted
    monkeypatch.chdir(tmp_path)
    assert find_notebook(name) == wanted


def test_a_notebook_of_somebody_else_is_run_and_not_ours_of_the_same_name(tmp_path):
    copy = tmp_path / "13_table3_nas201.ipynb"
    copy.write_text("{}")
    assert find_notebook(str(copy)) == copy
    copy.unlink()
    with pytest.raises(UnknownName, match=r"valid: 00_setup, .*13_table3_nas201"):
        find_notebook(str(copy))


def test_paths_among_parameters_mean_the_same_in_the_notebooks_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", "/home/me")
    given = ["results=out", "critique=a.md.j2", "refine=~/d.j2", "llm=replay:runs/a", "inspire=", "seed=3", "space=a=b"]
    assert read_parameters(given) == {
        "results": str(tmp_path / "out"), "critique": str(tmp_path / "a.md.j2"), "refine": "/home/me/d.j2",
        "llm": f"replay:{tmp_path / 'runs' / 'a'}", "inspire": "", "seed": 3, "space": "a=b",
    }  # fmt: skip


@pytest.mark.parametrize(
    "pair", ["profile", "=smoke", "", "a b=1", "seed=-1", "seed=²", "seed=1.5", "results=~nobody-x/a"]
)
def test_what_is_no_parameter_is_refused_in_a_sentence(pair):
    with pytest.raises(SekiError):
        read_parameters([pair])


@pytest.mark.parametrize(
    ("given", "error", "sentence"),
    [
        ({"sede": 1}, NotebookError, "unknown parameter sede"),
        ({"seed": "one"}, NotebookError, "seed must be int"),
        ({"profile": "huge"}, UnknownName, "valid: smoke"),
        ({"llm": "gpt"}, UnknownName, "valid: local:"),
        ({"space": "trans101"}, UnknownName, "valid: nas201, darts"),
    ],
)
def test_papermill_itself_cannot_slip_a_wrong_parameter_in(given, error, sentence):
    with pytest.raises(error, match=sentence):
        start({"notebook": object, **given}, "profile", "llm", "seed", "results", "space")


def test_a_notebook_walks_the_space_of_its_parameter_and_nas201_without_one():
    assert spec_of(start({}, "profile", "space")).space == "nas201"
    setup = start({"profile": "smoke", "space": "darts"}, "profile", "space")
    assert spec_of(setup).space == "darts" and spec_of(setup, space="trans101").space == "trans101"


@pytest.mark.parametrize(
    ("source", "sentence"),
    [("1 / 0", "ZeroDivisionError: division by zero"), ("import os\nos._exit(9)", "the process that ran it died")],
    ids=["an error", "a dead process"],
)
def test_a_notebook_that_fails_leaves_a_copy_that_shows_why_and_no_success(source, sentence, tmp_path):
    cells = [nbformat.v4.new_code_cell(text) for text in ("print('before')", source, "print('after')")]
    kernel = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "one.ipynb")
    with pytest.raises(NotebookError, match=re.escape(sentence)):
        execute(tmp_path / "one.ipynb", tmp_path / "made" / "one.ipynb", {})
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["failed-one.ipynb"]
    copy = (tmp_path / "made" / "failed-one.ipynb").read_text()
    shown = nbformat.reads(copy, 4).cells
    assert shown[0].cell_type == "markdown" and sentence.split(":")[0] in copy
    assert [cell.outputs[0].text for cell in shown if cell.cell_type == "code" and "before" in cell.source] == [
        "before\n"
    ]
    assert not any(cell.outputs for cell in shown if cell.cell_type == "code" and "after" in cell.source)
    cells[1].source = "print('mended')"
    nbformat.write(nbformat.v4.new_notebook(cells=cells, metadata=kernel), tmp_path / "one.ipynb")
    execute(tmp_path / "one.ipynb", tmp_path / "made" / "one.ipynb", {})
    assert [path.name for path in (tmp_path / "made").iterdir()] == ["one.ipynb"]


def test_a_walk_of_the_darts_space_says_that_its_supernet_is_missing(tmp_path):
    path = next(p for p in NOTEBOOKS if p.stem == "02_self_evolution")
    parameters = {"profile": "smoke", "space": "darts", "results": str(tmp_path)}
    with pytest.raises(NotebookError, match="seki supernet --space darts"):
        execute(path, tmp_path / "out.ipynb", parameters)


def test_a_setup_cell_can_be_run_again_with_another_seed():
    namespace = {"profile": "smoke", "seed": 0}
    start(namespace, "profile", "seed")
    namespace |= {"setup": object(), "step": object(), "seed": 3}
    assert start(namespace, "profile", "seed").seed == 3


def test_table_4_is_made_from_one_search_a_task(tmp_path, monkeypatch, trans101_table):
    """The searches are answered by a fake LLM; the notebook reads their files as it reads those of a real one."""
    from fakes import FakeLLM

    from seki_lib import runs
    from seki_lib.evaluators.trans101_table import TASKS
    from seki_lib.profiles import get_profile

    monkeypatch.setattr(runs, "get_llm", lambda name: FakeLLM(space="trans101"))
    path = next(p for p in NOTEBOOKS if p.stem == "14_table4_trans101")
    parameters = {"profile": "smoke", "results": str(tmp_path)}
    with pytest.raises(NotebookError, match="seki search --space trans101 --task class_object"):
        execute(path, tmp_path / "14.ipynb", parameters)
    for task in TASKS:
        runs.search_run(
            runs.RunSpec("trans101", task, "local:smollm2-135m", "smoke", 8), get_profile("smoke"), tmp_path
        )
    execute(path, tmp_path / "14.ipynb", parameters)
    shown = "\n".join(json.dumps(dict(output)) for cell in nbformat.read(tmp_path / "14.ipynb", 4).cells
                      for output in cell.get("outputs", []))  # fmt: skip
    assert "all-3x3" in shown and "(n = 200)" in shown and shown.count("image/png") == 3
    written = (tmp_path / "smoke" / "tables" / "table4.md").read_text()
    row = next(line for line in written.splitlines() if "SEKI, ours, fake:llm" in line)
    assert row.count("[M]") == 8 and "±" not in row  # one seed: no deviation
    assert {p.name for p in (tmp_path / "smoke" / "figures").glob("*.png")} == {
        "trans101_ranks.png", "trans101_best_cells.png", "trans101_transfer.png",
    }  # fmt: skip


def test_the_question_of_notebook_00_counts_and_is_kept(tmp_path, monkeypatch, capsys):
    import json
    from types import SimpleNamespace

    from fakes import FakeLLM

    import seki_lib
    from seki_lib.llm.budget import Budget, Limits

    cells = json.loads(NOTEBOOKS[0].read_text())["cells"]
    (code,) = ("".join(cell["source"]) for cell in cells if "model.complete(" in "".join(cell["source"]))
    llm = FakeLLM(" an operation.")
    monkeypatch.setattr(seki_lib, "get_llm", lambda name: llm, raising=False)
    setup = SimpleNamespace(folder=tmp_path, llm="fake:llm")
    monkeypatch.setenv("MAX_CALLS", "0")
    exec(code, {"setup": setup})  # noqa: S102
    assert llm.calls == [] and "not asked: the budget does not allow another call" in capsys.readouterr().out
    monkeypatch.setenv("MAX_CALLS", "1")
    for _ in range(2):
        exec(code, {"setup": setup})  # noqa: S102
        assert "A convolution is an operation." in capsys.readouterr().out
    assert len(llm.calls) == 1 and Budget(tmp_path, Limits()).spent()["calls"] == 1


@pytest.mark.parametrize("name", ["nas201", "darts"])
def test_a_round_is_a_line_that_fits_a_page_and_says_the_whole_cell(name):
    space = get_space(name)
    cell = space.random(Random(0))
    text = space.format(cell)
    step = Step(Record(7, "self_evolution", text, text, 91.5, how="edited"), [], 92.25)
    line = notebook.line(step, space)
    assert line.startswith("round  7  edited      91.50  best  92.25  ") and len(line) < 160
    assert space.read(line.partition("92.25")[2], "words") == cell
