"""The notebooks as they are kept and as they are started; tests/test_reproduce.py runs them."""

from pathlib import Path

import nbformat
import pytest

from seki_lib.errors import UnknownName
from seki_lib.notebook import NotebookError, execute, start

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
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
    ("given", "error", "sentence"),
    [
        ({"sede": 1}, NotebookError, "unknown parameter sede"),
        ({"seed": "one"}, NotebookError, "seed must be int"),
        ({"profile": "huge"}, UnknownName, "valid: smoke"),
        ({"llm": "gpt"}, UnknownName, "valid: local:"),
    ],
)
def test_papermill_itself_cannot_slip_a_wrong_parameter_in(given, error, sentence):
    with pytest.raises(error, match=sentence):
        start({"notebook": object, **given}, "profile", "llm", "seed", "results")


def test_a_setup_cell_can_be_run_again_with_another_seed():
    namespace = {"profile": "smoke", "seed": 0}
    start(namespace, "profile", "seed")
    namespace |= {"setup": object(), "step": object(), "seed": 3}
    assert start(namespace, "profile", "seed").seed == 3
