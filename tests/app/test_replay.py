"""`seki replay`: kept searches give the LLM's tables again without a model, or say why they do not."""

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from seki_lib.app import replay as module
from seki_lib.app.replay import TABLES, replay, walk
from seki_lib.files.errors import RunError, SekiError
from seki_lib.profiles import get_profile
from seki_lib.report.compare import CLOCK, compare
from seki_lib.report.tables import Table
from seki_lib.runs import RunSpec, search_run

REFERENCE = Path(__file__).parents[2] / "results" / "reference"
LAPTOP = replace(get_profile("laptop"), baseline_seeds=20)
KEPT = "searches/nas201/cifar10/local-smollm2-135m/default/seed=8"


@pytest.fixture(scope="module")
def replayed(tmp_path_factory, table, trans101_table):
    """The folder of a replay of the reference run, and what it said."""
    said = []
    return replay(REFERENCE, LAPTOP, tmp_path_factory.mktemp("replay"), said.append), said


def test_every_search_that_a_table_needs_comes_out_of_its_transcript_round_by_round(replayed):
    _, said = replayed
    assert len(said) == len(set(said)) > 15
    assert all(line.endswith("50 rounds are those of its transcript") for line in said)


def test_a_search_is_walked_in_the_words_of_the_evaluator_that_it_had(tmp_path):
    spec = RunSpec("darts", "cifar10", "chance:null", "smoke", 8).scored_by("zero_cost:params")
    folder = search_run(spec, get_profile("smoke"), tmp_path, rounds=4, lam=2)
    walk(folder)
    config = json.loads((folder / "config.json").read_text())
    assert config.pop("asked")["metric"] == "zero-cost score"
    (folder / "config.json").write_text(json.dumps(config))
    with pytest.raises(RunError, match="does not hold the words of its task"):
        walk(folder)
    search_run(spec, get_profile("smoke"), tmp_path, rounds=4, lam=2)  # the same command adds them to an older run
    walk(folder)


def values(home, name):
    """The row of our LLM in a table, by heading."""
    read = Table.read(home / "tables" / f"{name}.csv")
    cells = next(cells for label, _, cells in read.rows if label == "SEKI, ours, local:smollm2-135m")
    return dict(zip(read.columns, cells, strict=True))


def test_the_tables_hold_the_kept_values_marked_as_replayed(replayed, table):
    folder, _ = replayed
    by_surrogate = any((REFERENCE / "searches" / "darts" / "cifar10").glob("*/evaluator=surrogate/seed=*"))
    made = {path.stem for path in (folder / "tables").glob("*.csv")}
    assert made == {name for name in TABLES if by_surrogate or name != "darts_by_surrogate"}
    for name in ("table3", "table4", "table7"):
        here, there = (values(home, name) for home in (folder, REFERENCE))
        assert all(cell.provenance in ("replayed", "not run") for cell in here.values() if cell.text)
        again = {heading: cell for heading, cell in here.items() if cell.provenance == "replayed"}
        assert all(cell.detail.startswith("replayed from ") for cell in again.values())
        shared = {heading for heading in again.keys() & there.keys() if not CLOCK.search(heading)}  # of another machine
        assert len(shared) > 5 and all(again[heading].text == there[heading].text for heading in shared)
    for name in ("table5", "table6"):
        rows = Table.read(folder / "tables" / f"{name}.csv").rows
        assert {"replayed", "measured", "not run"} <= {cell.provenance for _, _, cells in rows for cell in cells}
    changed = [one for one in compare(folder, REFERENCE)[0] if one.judgement == "changed"]
    assert not [one for one in changed if one.table in ("table3", "table4") and "SEKI" in one.row]


def test_the_page_of_a_replay_says_so(replayed):
    assert "[R]" in (replayed[0] / "index.html").read_text()


def test_a_changed_reply_is_noticed_and_its_search_left_out(tmp_path, table):
    kept = tmp_path / "kept"
    for seed in (8, 9, 10, 11):
        place = KEPT.replace("seed=8", f"seed={seed}")
        shutil.copytree(REFERENCE / place, kept / place)
    path = kept / KEPT / "transcript.jsonl"
    first, *rest = path.read_text().splitlines()
    path.write_text("\n".join([json.dumps(json.loads(first) | {"reply": "edge 1 from large to pool"}), *rest]) + "\n")
    with pytest.raises(SekiError):
        walk(kept / KEPT)
    said = []
    folder = replay(kept, LAPTOP, tmp_path / "out", said.append)
    assert sum("left out" in line for line in said) == 1
    table3 = Table.read(folder / "tables" / "table3.csv")
    ours = next(cells for label, _, cells in table3.rows if label == "SEKI, ours")
    assert {cell.text for cell in ours} == {"not run"} and "is not finished" in ours[0].detail
    assert any(note.startswith("Left out") and KEPT in note for note in table3.notes)
    assert "not run" in (folder / "tables" / "table4.md").read_text()


def test_a_search_of_todays_code_is_walked_as_it_was(fake, tmp_path):
    smoke = replace(get_profile("smoke"), baseline_seeds=20)
    walk(search_run(RunSpec("nas201", "cifar10", "fake:llm", "smoke", 8), smoke, tmp_path))


def test_results_that_no_replay_made_are_never_replaced(tmp_path):
    (tmp_path / "laptop" / "searches").mkdir(parents=True)
    with pytest.raises(RunError, match="no replay made"):
        replay(REFERENCE, LAPTOP, tmp_path)
    with pytest.raises(RunError, match="can be replayed"):
        replay(tmp_path, LAPTOP, tmp_path / "other")
    assert not (tmp_path / "other").exists()


def changed(result):
    return {
        "another cell": {**result, "architecture": "|none~0|+|none~0|none~1|+|none~0|none~1|none~2|"},
        "another score": {**result, "score": 99.0},
        "other final values": {**result, "final": dict.fromkeys(result["final"], 99.0)},
        "no final values": {name: value for name, value in result.items() if name != "final"},
    }


@pytest.mark.parametrize("what", ["another cell", "another score", "other final values", "no final values"])
def test_a_result_that_is_not_its_history_s_is_left_out(what, tmp_path, table):
    kept, folder = tmp_path / "kept", tmp_path / "kept" / KEPT
    shutil.copytree(REFERENCE / KEPT, folder)
    result = json.loads((folder / "result.json").read_text())
    (folder / "result.json").write_text(json.dumps(changed(result)[what]))
    brought = module._bring(folder, kept, module.Home(tmp_path / "here", "laptop"), {})
    assert brought.why.startswith("left out: ") and not (tmp_path / "here").exists()


def test_a_history_whose_scores_are_not_the_benchmarks_is_left_out(tmp_path, table):
    """Even where the result agrees with it: an edited score would not change the cell that the search found."""
    if table.source.name != "nas201_hp200_mean":
        pytest.skip("the kept searches saw another table")
    kept, folder = tmp_path / "kept", tmp_path / "kept" / KEPT
    shutil.copytree(REFERENCE / KEPT, folder)
    records = [json.loads(line) for line in (folder / "history.jsonl").read_text().splitlines()]
    worst = min(records, key=lambda record: record["score"])
    worst["score"] -= 0.01
    (folder / "history.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    brought = module._bring(folder, kept, module.Home(tmp_path / "here", "laptop"), {})
    assert f"the score of round {worst['round']}" in brought.why


def test_a_history_that_was_cut_off_is_left_out(tmp_path):
    kept, folder = tmp_path / "kept", tmp_path / "kept" / KEPT
    shutil.copytree(REFERENCE / KEPT, folder)
    lines = (folder / "history.jsonl").read_text().splitlines(keepends=True)
    (folder / "history.jsonl").write_text("".join(lines[:10]))
    assert "10 of 51 evaluations" in module._bring(folder, kept, module.Home(tmp_path / "here", "laptop"), {}).why


@pytest.mark.parametrize("kept", ["laptop", "laptop/inner", "."])
def test_a_replay_removes_nothing_that_it_reads(kept, tmp_path):
    shutil.copytree(REFERENCE / KEPT, tmp_path / kept / KEPT)
    (tmp_path / "laptop").mkdir(exist_ok=True)
    (tmp_path / "laptop" / "replay.json").write_text("{}")
    with pytest.raises(RunError, match="lie in each other"):
        replay(tmp_path / kept, LAPTOP, tmp_path)
    assert (tmp_path / kept / KEPT / "transcript.jsonl").is_file()
