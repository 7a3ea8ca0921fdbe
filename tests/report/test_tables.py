import csv
import json
import re
from pathlib import Path

import pytest
from kept import finished

from seki_lib.baseline_runs import BaselineRuns
from seki_lib.evaluators.nas201_table import COLUMNS
from seki_lib.files.errors import RunError
from seki_lib.report.benchmark_tables import finished_results, table3
from seki_lib.report.statistics import mean_std
from seki_lib.report.tables import BLANK, Cell, Table, minus_paper, not_run, paper_table
from seki_lib.runs import RunSpec


def test_table3_of_the_paper_is_typed_to_the_last_digit():
    """What a slip of a finger would change: rows, deviations, dashes, each column's sum of means and deviations."""
    rows = paper_table(3)
    values = [row[column] for row in rows for column in COLUMNS]
    assert len(rows) == 17
    assert len(values) == 102
    assert values.count("-") == 3
    assert sum("±" in value for value in values) == 69
    sums = [sum(float(part) for text in values[i::6] if text != "-" for part in text.split("±")) for i in range(6)]
    assert [f"{total:.2f}" for total in sums] == ["1340.30", "1501.40", "941.28", "1016.92", "608.49", "656.91"]
    assert all(re.fullmatch(r"\d\d\.\d\d(±\d?\d\.\d\d)?|-", value) for value in values)
    assert rows[15]["architecture"] == "SEKI"
    assert rows[15]["imagenet16_test"] == "46.90±0.19"
    assert rows[16]["imagenet16_valid"] == "46.77"


def test_mean_and_deviation_are_printed_as_in_the_paper():
    assert mean_std([1.0, 3.0]) == "2.00±1.41"
    assert mean_std([93.456]) == "93.46"


def test_a_table_is_written_three_times_with_the_provenance_of_every_cell(tmp_path):
    table = Table("t", "A title", {"a": "acc", "l": "loss"}, notes=["a note"])
    table.add("theirs <b>", {"a": Cell("1.0", "paper"), "l": Cell("-", "paper")})
    table.add("ours", {"a": Cell("2.0±0.1", "measured", "4 seeds"), "l": not_run("needs a GPU")}, n=4)
    paths = table.write(tmp_path)
    rows = list(csv.reader(paths[0].open()))
    assert rows[0] == ["row", "n", "acc", "acc provenance", "loss", "loss provenance"]
    assert rows[2] == ["ours", "4", "2.0±0.1", "measured: 4 seeds", "not run", "not run: needs a GPU"]
    markdown, page = paths[1].read_text(), paths[2].read_text()
    assert "2.0±0.1 [M]" in markdown and "1.0 [P]" in markdown and "- a note" in markdown
    assert "theirs &lt;b&gt;" in page and 'title="measured: 4 seeds"' in page and "2.0±0.1 [M]" in page


def test_a_column_that_is_left_out_is_blank_and_an_unknown_one_is_refused():
    table = Table("t", "T", {"a": "A", "b": "B"})
    table.add("row", {"b": Cell("1", "paper")})
    assert table.rows == [("row", "", [BLANK, Cell("1", "paper")])]
    with pytest.raises(ValueError, match=r"unknown columns \['c'\]"):
        table.add("row", {"c": Cell("1", "paper")})


def fake_results(final, seeds=(0, 1), llm="local:x"):
    config = {"llm": {"name": llm}, "run": {"profile": "laptop"}, "data": {"sentence": "a source"}}
    tokens = {"prompt_tokens": 1000, "completion_tokens": 200}
    took = {"calls": 60, "failed": 0, "tokens": tokens, "dollars": 0.0, "llm_seconds": 9.0}
    result = {"evaluations": 51, "final": final, **took}
    return [finished(Path(f"none/there/seed={seed}"), config, result) for seed in seeds]


def test_columns_that_the_source_lacks_read_not_run_and_never_a_stand_in():
    import numpy as np

    names = ("random_search", "regularized_evolution", "local_search")
    baselines = BaselineRuns(
        ("cifar10_test",), {n: np.zeros((3, 2)) for n in names}, {n: np.full((3, 1), 93.0) for n in names}
    )
    table = table3(fake_results({"cifar10_test": 94.0}), baselines, {"cifar10_test": 94.5})
    ours = next(cells for label, _, cells in table.rows if label.startswith("SEKI, ours"))
    assert [cell.provenance for cell in ours] == ["not run", "measured", *["not run"] * 4]
    assert "seki data fetch nas201" in ours[2].detail
    assert any("nothing is held out" in note for note in table.notes)


def test_a_replayed_search_is_marked_as_replayed():
    import numpy as np

    names = ("random_search", "regularized_evolution", "local_search")
    finals = dict.fromkeys(COLUMNS, 90.0)
    baselines = BaselineRuns(COLUMNS, {n: np.zeros((3, 2)) for n in names}, {n: np.full((3, 6), 9.0) for n in names})
    table = table3(fake_results(finals, llm="replay:somewhere"), baselines, finals)
    row = next(cells for label, _, cells in table.rows if label.startswith("SEKI, ours"))
    assert {cell.provenance for cell in row} == {"replayed"}


def test_a_missing_run_names_the_command_that_makes_it(tmp_path):
    with pytest.raises(
        RunError, match=r"seki search --space nas201 .* --profile smoke --variant default --seed 7 --results"
    ):
        finished_results([RunSpec("nas201", "cifar10", "local:x", "smoke", 7)], tmp_path, source=None)


def test_runs_on_other_data_are_not_mixed_into_the_table(tmp_path, evaluator):
    spec = RunSpec("nas201", "cifar10", "local:x", "smoke", 7)
    folder = spec.folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"score": 1.0}')
    (folder / "config.json").write_text(json.dumps({"data": {"name": "other", "sentence": "another table"}}))
    with pytest.raises(RunError, match=r"searched on: another table\. The table on this machine is"):
        finished_results([spec], tmp_path, evaluator.source)


def test_runs_with_other_settings_make_no_common_row(tmp_path, evaluator):
    config = {"data": {"name": evaluator.source.name}, "prompts": {"inspire": "a"}, "llm": {}}
    specs = [RunSpec("nas201", "cifar10", "local:x", "smoke", seed) for seed in (0, 1)]
    for spec in specs:
        folder = spec.folder(tmp_path)
        folder.mkdir(parents=True)
        (folder / "result.json").write_text('{"score": 1.0}')
        own = {"run": {"seed": spec.seed}, "search": {"seed": spec.seed, "k": 16}}
        (folder / "config.json").write_text(json.dumps(config | own))
    assert len(finished_results(specs, tmp_path, evaluator.source)) == 2
    (specs[1].folder(tmp_path) / "config.json").write_text(json.dumps(config | own | {"prompts": {"inspire": "b"}}))
    with pytest.raises(RunError, match=r"differ in prompts\.inspire and make no common row"):
        finished_results(specs, tmp_path, evaluator.source)


def test_ours_minus_the_papers_is_the_difference_of_means_and_blank_where_there_is_none():
    cells = {"a": Cell("94.18±0.37", "measured"), "b": not_run("a table"), "c": Cell("1.0", "replayed")}
    found = minus_paper(cells, {"a": "94.34±0.35", "b": "72.75", "c": "-"})
    assert {column: (cell.text, cell.provenance) for column, cell in found.items()} == {"a": ("-0.16", "measured")}


@pytest.mark.parametrize(
    "text", ["", "row;n;a;a provenance\n", "a,b\n1,2\n", "SEKI,4,93.1,measured\n", "row,n,a\nx,1,2\n"]
)
def test_a_file_that_is_no_table_is_named(tmp_path, text):
    path = tmp_path / "table3.csv"
    path.write_text(text)
    with pytest.raises(RunError, match=r"table3.csv is no table of this kit: its first line must be"):
        Table.read(path)


def test_a_full_disk_leaves_the_table_that_was_there(tmp_path, monkeypatch):
    table = Table("table9", "A table", {"a": "A"})
    table.add("row", {"a": Cell("1.0", "measured")})
    before = {path: path.read_bytes() for path in table.write(tmp_path)}

    def full(self, *_, **__):
        self.write_bytes(b"half")
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_text", full)
    with pytest.raises(RunError, match="No space left"):
        table.write(tmp_path)
    assert {path: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_a_table_that_a_spreadsheet_saved_is_read_and_a_damaged_one_is_named(tmp_path):
    table = Table("table9", "A table", {"a": "A"})
    table.add("row", {"a": Cell("1.0", "measured")})
    path, markdown, _ = table.write(tmp_path)
    path.write_text(path.read_text(), encoding="utf-8-sig")
    markdown.write_text("")
    assert Table.read(path).rows == table.rows and Table.read(path).title == "table9"
    path.write_text(f"row,n,A,A provenance\nrow,1,{'x' * 200_000},measured\n")
    with pytest.raises(RunError, match="is damaged"):
        Table.read(path)
