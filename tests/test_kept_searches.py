"""Searches that are kept with a checkout replay without their model, round by round."""

from pathlib import Path

import pytest

from seki_lib.files.jsonl import read_json, read_lines
from seki_lib.profiles import get_profile
from seki_lib.runs import RunSpec, search_run

KEPT = sorted(Path(__file__).parents[1].glob("results/reference/searches/nas201/cifar10/local-qwen*/default/seed=*"))


@pytest.mark.parametrize("folder", KEPT, ids=lambda folder: "-".join(folder.parts[-3::2]))
def test_a_kept_search_replays_to_the_same_cells(folder, table, tmp_path):
    config = read_json(folder / "config.json")
    if table.source.name != config["data"]["name"]:
        pytest.skip("needs the scores that the search saw: set SEKI_MIRROR")
    spec = RunSpec("nas201", "cifar10", f"replay:{folder}", "laptop", config["run"]["seed"])
    again = search_run(spec, get_profile("laptop"), tmp_path)
    told = [
        [(r["architecture"], r["score"], r["how"]) for r in read_lines(at / "history.jsonl")] for at in (folder, again)
    ]
    assert told[0] == told[1]
    assert read_json(again / "result.json")["final"] == read_json(folder / "result.json")["final"]
