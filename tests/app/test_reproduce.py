"""`seki reproduce`, the whole way: searches by the real embedded LLM, all notebooks, tables and figures."""

import csv
import json
import subprocess
import sys

import nbformat
import pytest

from seki_lib.app.reproduce import code_hash
from seki_lib.training.protocol import images_missing

FIGURES = (
    "figure1",
    "figure2_data_flow",
    "nas201_best_so_far",
    "nas201_best_cell",
    "darts_best_so_far",
    "analysis_exploration",
    "figure3_self_evolution_prompts",
    "figure4_knowledge_inspiration_prompt",
    "figure5_self_evolution_example",
    "figure6_knowledge_inspiration_example",
)
SEKI = "SEKI, ours, local:smollm2-135m"


@pytest.fixture(scope="module")
def results(tmp_path_factory, table):
    """A finished smoke run of seed 0; what it printed is beside it."""
    folder = tmp_path_factory.mktemp("with a space") / "results"
    printed = reproduce(folder, "--seeds", "0")
    (folder / "printed.txt").write_text(printed)
    return folder


def reproduce(results, *arguments):
    command = [
        sys.executable,
        "-m",
        "seki_lib.app.cli",
        "reproduce",
        "--profile",
        "smoke",
        "--results",
        results,
        *arguments,
    ]
    done = subprocess.run([*map(str, command), "--jobs", "2"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def our_row(results):
    with (results / "smoke" / "tables" / "table3.csv").open() as file:
        return next(row for row in csv.DictReader(file) if row["row"].startswith("SEKI, ours"))


def output_of(results, name):
    cells = nbformat.read(results / "smoke" / "notebooks" / f"{name}.ipynb", 4).cells
    return "\n".join(json.dumps(output) for cell in cells if cell.cell_type == "code" for output in cell.outputs)


def test_one_command_makes_every_table_figure_and_notebook_of_the_profile(results, table):
    assert "Table 3. NAS-Bench-201" in (results / "printed.txt").read_text()
    page = results / "smoke" / "index.html"
    assert "Table 3. NAS-Bench-201" in page.read_text() and page.stat().st_size <= 6_000_000
    assert our_row(results)["n"] == "1"
    assert our_row(results)["CIFAR-10 test provenance"].startswith(
        "measured: local:smollm2-135m, seeds [0], 7 evaluations"
    )
    assert "±" not in our_row(results)["CIFAR-10 test"]
    for name in FIGURES:
        for ending in ("png", "svg"):
            assert (results / "smoke" / "figures" / f"{name}.{ending}").stat().st_size > 5000
    assert table.source.sentence in output_of(results, "00_setup")
    walk = output_of(results, "02_self_evolution")
    assert "Prompt C, Eq. 1" in walk and "Prompt D, Eq. 3" in walk and "image/png" in walk
    assert "0 new LLM calls" in walk
    assert "Prompt critique, round 3: " in walk and "free of charge" in walk  # %%prompt, previewed
    assert "lets the gradient reach its input" in walk and "nobody is there to answer" in walk
    assert "best after inspiration" in output_of(results, "03_knowledge_inspiration")
    rows = (results / "smoke" / "tables" / "table7.md").read_text().splitlines()
    assert "[M]" in next(row for row in rows if "ours, local:smollm2-135m" in row)
    assert "not run (19.9 GB to download" in next(row for row in rows if "ours, local:qwen2.5-32b" in row)


def test_the_cells_of_table_1_are_trained_and_drawn(results):
    with (results / "smoke" / "tables" / "table1.csv").open() as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    for label in (SEKI, "DARTS_V2, ours", "random-0, ours"):  # the first is the cell that the searches found
        assert float(rows[label]["short: last test error (%)"]) > 0
        assert rows[label]["CIFAR-10 test error (%)"] == "not run"
    figures = results / "smoke" / "figures"
    for name in ("figure7", "figure8", "searched-*_learning_curve", "table1_compared"):
        (path,) = figures.glob(f"{name}.svg")
        assert path.stat().st_size > 5000
    logs = list((results / "smoke" / "logs").glob("trainings_darts_*_DARTS_V2_seed_0.log"))
    assert logs and all("epoch   1/1" in log.read_text() for log in logs)
    assert output_of(results, "04_final_training").count("image/png") == 5


def test_one_search_is_analysed(results):
    assert "rounds the LLM's first reply was a new cell" in output_of(results, "05_analysis")


def test_the_language_model_of_table_8_is_trained_and_stands_beside_the_unigram_model(results):
    with (results / "smoke" / "tables" / "table8.csv").open() as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    for label in (SEKI, "DARTS_V2, ours"):
        ours = rows[label]
        assert ours["Test perplexity"] == "not run" and float(ours["short: test perplexity"]) > 1
        assert float(ours["short: test perplexity of the unigram model"]) > 1


def test_the_cell_that_a_search_on_photographs_found_is_trained_for_the_dagger_row_of_table_2(results):
    if images_missing("smoke"):
        pytest.skip(images_missing("smoke"))
    with (results / "smoke" / "tables" / "table2.csv").open() as file:
        rows = {row["row"]: row for row in csv.DictReader(file)}
    ours = rows[SEKI.replace("SEKI", "SEKI†")]
    assert ours["ImageNet-1K top-1 test error (%)"] == "not run" and float(ours["Params (M)"]) > 1
    assert 0 < float(ours["short: last test error (%)"]) <= 100
    for figure in ("figure9", "figure10"):
        assert (results / "smoke" / "figures" / f"{figure}.svg").stat().st_size > 5000
    (searched,) = (results / "smoke" / "searches" / "darts" / "imagenet" / "local-smollm2-135m" / "default").iterdir()
    assert len((searched / "history.jsonl").read_text().splitlines()) == 7


def test_a_second_call_redoes_nothing(results):
    files = {path: path.stat().st_mtime_ns for path in results.rglob("*") if path.suffix in (".ipynb", ".png", ".json")}
    reproduce(results, "--seeds", "0")
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_other_seeds_make_another_table_and_keep_the_finished_searches(results):
    finished = next(results.rglob("seed=0/result.json"))
    before = finished.stat().st_mtime_ns
    reproduce(results, "--seeds", "0,1")
    assert our_row(results)["n"] == "2"
    assert "±" in our_row(results)["CIFAR-10 test"]
    notebook = ["notebook", "13_table3_nas201", "--output", results / "table3.ipynb"]
    for parameter in ("profile=smoke", f"results={results}", "seeds=0"):
        notebook += ["--parameter", parameter]
    subprocess.run([sys.executable, "-m", "seki_lib.app.cli", *map(str, notebook)], check=True, capture_output=True)
    assert our_row(results)["n"] == "1"
    assert finished.stat().st_mtime_ns == before


def test_the_code_hash_is_stable_and_short_of_nothing():
    assert code_hash() == code_hash()
    assert len(code_hash()) == 64
