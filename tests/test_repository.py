import json

import pytest

from seki_lib.errors import RunError
from seki_lib.search.repository import Record, Repository


def record(round, score, canonical=None):
    return Record(round, "self_evolution", f"cell{round}", canonical or f"class{round}", score)


def test_top_keeps_one_cell_a_class_and_the_earlier_one_on_ties():
    repository = Repository()
    for r in (record(0, 5.0), record(1, 7.0), record(2, 9.0, "class1"), record(3, 9.0), record(4, 1.0)):
        repository.append(r)
    assert [r.round for r in repository.top(3)] == [2, 3, 0]
    assert repository.best().round == 2
    assert "class1" in repository
    assert "class9" not in repository


def test_a_half_written_last_line_is_dropped_and_overwritten(tmp_path):
    path = tmp_path / "history.jsonl"
    Repository(path).append(record(0, 1.0))
    whole = path.read_bytes()
    with path.open("ab") as file:
        file.write(b'{"round": 1, "sta')
    repository = Repository(path)
    assert [r.round for r in repository.records] == [0]
    repository.append(record(1, 2.0))
    assert path.read_bytes().startswith(whole)
    assert [json.loads(line)["round"] for line in path.read_text().splitlines()] == [0, 1]


def test_a_damaged_line_in_the_middle_is_an_error_that_names_it(tmp_path):
    path = tmp_path / "history.jsonl"
    path.write_text('{"broken\n{"round": 1}\n')
    with pytest.raises(RunError, match="line 1"):
        Repository(path)
