import json
from dataclasses import asdict

import pytest

from seki_lib.files.errors import RunError
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


def written(path, *lines):
    path.write_text("".join((line if isinstance(line, str) else json.dumps(line)) + "\n" for line in lines))
    return path


def line(round, **changes):
    return {**asdict(record(round, 1.0)), **changes}


@pytest.mark.parametrize(
    ("lines", "number", "reason"),
    [
        ((line(0), line(2), line(3)), 2, "round 2, where round 1 is expected"),
        ((line(0), line(1), line(1), line(2)), 3, "round 1, where round 2 is expected"),
        ((line(1),), 1, "round 1, where round 0 is expected"),
        ((line(0), line(2), line(1)), 2, "round 2, where round 1"),
        ((line(0), line(1, score=float("nan")), line(2)), 2, "score is nan"),
        ((line(0), line(1, score=float("-inf"))), 2, "score is -inf"),
        ((line(0, score="94.1"),), 1, "score is '94.1'"),
        ((line(0, score=None),), 1, "score is None"),
        ((line(0, score=True),), 1, "score is True"),
        ((line(0, architecture=None),), 1, "architecture is None, not a text"),
        ((line(0), {k: v for k, v in line(1).items() if k != "score"}), 2, "score"),
        ((line(0), line(1, extra=1)), 2, "extra"),
        ((line(0), "", line(1)), 2, "Expecting value"),
        ((line(0), "[1, 2]", line(1)), 2, "no JSON object"),
    ],
)
def test_a_history_that_no_search_wrote_is_refused_and_the_line_named(tmp_path, lines, number, reason):
    path = written(tmp_path / "history.jsonl", *lines)
    with pytest.raises(
        RunError, match=rf"history.jsonl, line {number} is damaged \(.*{reason}.*Remove this file"
    ) as error:
        Repository(path)
    assert "\n" not in str(error.value)
