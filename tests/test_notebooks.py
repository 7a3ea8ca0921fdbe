"""The notebooks, executed as users execute them, with the smoke profile and the real embedded LLM."""

import json
from pathlib import Path

import nbformat
import pytest

from seki_lib.errors import UnknownName
from seki_lib.notebook import NotebookError, execute, start

NOTEBOOKS = sorted((Path(__file__).parents[1] / "notebooks").glob("*.ipynb"))
LONGEST_CELL = 14


def named(stem):
    return next(path for path in NOTEBOOKS if path.stem == stem)


def text_of(path):
    return "\n".join(
        json.dumps(output)
        for cell in nbformat.read(path, 4).cells
        if cell.cell_type == "code"
        for output in cell.outputs
    )


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


def test_the_walk_runs_headlessly_from_nothing_and_writes_table_3(tmp_path, table):
    common = {"profile": "smoke", "results": str(tmp_path)}
    for name, parameters in [
        ("00_setup", common),
        ("02_self_evolution", common | {"seed": 0}),
        ("03_knowledge_inspiration", common | {"seed": 0}),
    ]:
        execute(next(p for p in NOTEBOOKS if p.stem == name), tmp_path / f"{name}.ipynb", parameters)
    assert table.source.sentence in text_of(tmp_path / "00_setup.ipynb")
    walk = text_of(tmp_path / "02_self_evolution.ipynb")
    assert "Prompt C, Eq. 1" in walk and "Prompt D, Eq. 3" in walk and "image/png" in walk
    assert "Prompt critique, round 3: " in walk and "free of charge" in walk  # %%prompt, previewed
    assert "lets the gradient reach its input" in walk and "nobody is there to answer" in walk
    assert "best after inspiration" in text_of(tmp_path / "03_knowledge_inspiration.ipynb")

    from seki_lib.profiles import get_profile
    from seki_lib.runs import RunSpec, search_run

    folder = search_run(RunSpec("nas201", "cifar10", "local:smollm2-135m", "smoke", 0), get_profile("smoke"), tmp_path)
    assert json.loads((folder / "result.json").read_text())["evaluations"] == 7
    execute(named("13_table3_nas201"), tmp_path / "13.ipynb", common | {"seeds": "0"})
    written = (tmp_path / "smoke" / "tables" / "table3.md").read_text()
    row = next(line for line in written.splitlines() if "SEKI, ours" in line)
    assert "[M]" in row and "±" not in row  # one seed: no deviation
    assert {p.name for p in (tmp_path / "smoke" / "figures").glob("*.png")} == {
        "figure2_data_flow.png", "nas201_best_so_far.png", "nas201_best_cell.png",
    }  # fmt: skip
    execute(named("17_table7_llms"), tmp_path / "17.ipynb", common)
    rows = (tmp_path / "smoke" / "tables" / "table7.md").read_text().splitlines()
    assert "[M]" in next(row for row in rows if "ours, local:smollm2-135m" in row)
    assert "not run (19.9 GB to download" in next(row for row in rows if "ours, local:qwen2.5-32b" in row)
    execute(named("20_figures"), tmp_path / "20.ipynb", common | {"seed": 0})
    assert len(list((tmp_path / "smoke" / "figures").glob("figure[3-6]*.png"))) == 4
