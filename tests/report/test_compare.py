"""Two folders of results: a planted change is seen, and what seeds and machines explain is none."""

import shutil
from pathlib import Path

import pytest

from seki_lib.app.cli import main
from seki_lib.files.errors import RunError
from seki_lib.paper import Edition, reports
from seki_lib.profiles import get_profile
from seki_lib.report.compare import compare, report, spread
from seki_lib.report.tables import Cell, Table, not_run

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
DETAIL = "local:x, seeds [8, 9], 51 evaluations each; a source"
MACHINE = "Trained on A, AVX2, torch 2.1+cpu. Another type rounds otherwise."


def table(name="table3", heading="CIFAR-10 test", text="93.84±0.34", detail=DETAIL, n=4, machine=MACHINE, **more):
    written = Table(name, f"{name}. A title", {"a": heading, "b": "seconds", **more}, notes=[machine])
    written.add("SEKI", {"a": Cell("94.34±0.35", "paper")})
    written.add("SEKI, ours, local:x", {"a": Cell(text, "measured", detail), "b": Cell("53", "measured")}, n)
    return written


def judged(tmp_path, here, there):
    """The differences of two folders with a table each: (column, judgement)."""
    for side, one in (("here", here), ("there", there)):
        shutil.rmtree(tmp_path / side, ignore_errors=True)
        one.write(tmp_path / side / "tables")
    return [(one.column, one.judgement) for one in compare(tmp_path / "here", tmp_path / "there")[0]]


def test_a_folder_equals_itself():
    differences, equal = compare(REFERENCE, REFERENCE)
    assert not differences and equal > 300
    assert list(report(REFERENCE, REFERENCE))[-1] == f"{equal} values are equal; none differ"


def test_the_gate_of_ci_holds_every_table_of_smoke_and_a_planted_change_fails_it(tmp_path):
    """`.ci/run` compares what it made with these."""
    kept = REFERENCE / "smoke"
    edition = Edition(get_profile("smoke"), "local:smollm2-135m", (8, 9), (8,))
    declared = {Path(output).stem for report in reports(edition).values() for output in report.outputs}
    tables = {path.stem for path in (kept / "tables").glob("*.csv")}
    assert tables <= declared and {f"table{n}" for n in range(1, 9)} <= tables
    shutil.copytree(kept, tmp_path / "smoke")
    path = tmp_path / "smoke" / "tables" / "table3.csv"
    value = next(cell.text for cell in Table.read(path).rows[-1][2] if cell.provenance == "measured")
    path.write_text(path.read_text().replace(value, value.replace(value[0], "1", 1)))
    with pytest.raises(RunError, match="changed or missing"):
        list(report(tmp_path / "smoke", kept))


@pytest.mark.parametrize(
    ("name", "was", "planted"),
    [("table3", "93.84±0.34", "93.85±0.34"), ("table3", "94.34±0.35", "94.35±0.35"), ("table1", "56.30", "56.40"),
     ("table5", "95.61 ± 0.15 (n = 10)", "95.62 ± 0.15 (n = 10)")],
)  # fmt: skip
def test_a_planted_change_fails(tmp_path, monkeypatch, capsys, name, was, planted):
    shutil.copytree(REFERENCE / "tables", tmp_path / "tables")
    path = tmp_path / "tables" / f"{name}.csv"
    assert was in path.read_text()
    path.write_text(path.read_text().replace(was, planted, 1))
    monkeypatch.setattr("sys.argv", ["seki", "compare", str(tmp_path), str(REFERENCE)])
    with pytest.raises(SystemExit) as stop:
        main()
    assert stop.value.code not in (0, None)
    assert f"{planted} here, {was} there" in capsys.readouterr().out


def test_the_same_seeds_give_the_same_number_and_other_seeds_one_within_their_spread(tmp_path):
    assert judged(tmp_path, table(text="93.90±0.34"), table()) == [("CIFAR-10 test", "changed")]
    others = DETAIL.replace("8, 9", "20, 21")
    assert judged(tmp_path, table(text="93.90±0.34", detail=others), table()) == [("CIFAR-10 test", "noise")]
    assert judged(tmp_path, table(text="91.00±0.34", detail=others), table()) == [("CIFAR-10 test", "beyond")]
    assert judged(tmp_path, table(text="91.00", detail=others, n=1), table()) == [("CIFAR-10 test", "unknown")]


def test_a_number_that_depends_on_weights_may_differ_on_another_machine_only(tmp_path):
    trained = {"name": "table1", "heading": "short: last test error (%)", "detail": "5 epochs", "n": 1}
    other = MACHINE.replace("A, AVX2", "B, AVX512")
    heading = trained["heading"]
    assert judged(tmp_path, table(text="67.6", **trained), table(text="59.6", **trained)) == [(heading, "changed")]
    elsewhere = table(text="59.6", machine=other, **trained)
    assert judged(tmp_path, table(text="67.6", **trained), elsewhere) == [(heading, "machine")]
    for heading, judgement in (("f minus that of λ = 35", "machine"), ("surrogate minus that of λ = 35", "changed")):
        ours = table("table5", heading, text="+0.00", machine=other)
        assert judged(tmp_path, ours, table("table5", heading, text="-0.20")) == [(heading, judgement)]
    tabular = table(text="93.90±0.34", machine=other)  # the table of a benchmark is the same on every machine
    assert judged(tmp_path, tabular, table()) == [("CIFAR-10 test", "changed")]


def test_times_are_not_compared_and_what_is_missing_is_a_change(tmp_path):
    slow = table()
    slow.rows[1][2][1] = Cell("99", "measured")
    assert judged(tmp_path, slow, table()) == [("seconds", "clock")]
    lacking = table()
    lacking.rows[1][2][0] = not_run("a file")
    assert judged(tmp_path, lacking, table()) == [("CIFAR-10 test", "missing")]
    assert judged(tmp_path, table(), lacking) == [("CIFAR-10 test", "new")]
    assert judged(tmp_path, table(name="other"), table()) == [("", "new"), ("", "missing")]


def test_rows_of_one_label_are_compared_each(tmp_path):
    def judges(first):
        written = Table("trust", "Trust", {"space": "space", "tau": "τ"})
        for space, text in (("DARTS", first), ("NAS-Bench-201", "0.30")):
            written.add("params", {"space": Cell(space, "measured"), "tau": Cell(text, "measured")})
        return written

    assert judged(tmp_path, judges("0.60"), judges("0.61")) == [("τ", "changed")]


def test_a_folder_without_tables_is_said(tmp_path):
    with pytest.raises(RunError, match="holds no tables"):
        compare(tmp_path, REFERENCE)


@pytest.mark.parametrize(
    ("text", "detail", "n", "error"),
    [("93.84±0.34", "", "4", 0.17), ("93.84±0.34", "100 seeds, a table", "1", 0.034), ("1,234±2", "", "4", 1.0),
     ("-0.06 [-0.12, 0.00]", "", "", 0.0306),
     ("+0.10 [-0.90, +1.10] (n = 2, not told from zero)", "", "", 1 / 12.706), ("1 [0, 2]", "", "2", 1 / 12.706),
     ("93.60 ± 0.20", "", "2", 0.2 / 12.706), ("65.1", "", "1", None),
     ("65.1±0.2", "", "1", None), ("41.3 ± 1.0 (n = 2)", "", "", 1 / 12.706), ("LLM", "", "4", None)],
)  # fmt: skip
def test_the_spread_is_read_off_a_cell(text, detail, n, error):
    found = spread(Cell(text, "measured", detail), n)
    assert (found and found.error) == (error and pytest.approx(error, rel=1e-3))
