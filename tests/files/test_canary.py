"""What the kit commits asks not to be trained on, and can be found again if it was."""

import json
from pathlib import Path

from seki_lib.files.canary import CANARY, REQUEST, mark, with_canary
from seki_lib.report.tables import Cell, Table

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "results" / "reference"


def test_every_committed_transcript_and_table_carries_the_canary():
    transcripts = list(KEPT.rglob("transcript.jsonl"))
    assert transcripts
    for path in transcripts:
        first, _, rest = path.read_text(encoding="utf-8").partition("\n")
        assert json.loads(first)["canary"] == REQUEST and CANARY not in rest
    tables = [path for path in KEPT.rglob("*") if path.suffix in (".md", ".html") and path.name != "README.md"]
    assert tables and all(CANARY in path.read_text(encoding="utf-8") for path in tables)
    assert CANARY in (ROOT / "data" / "paper" / "CANARY").read_text()


def test_a_table_carries_it_and_is_not_marked_twice():
    table = Table("a", "A", {"b": "B"})
    table.add("row", {"b": Cell("1", "measured")})
    for ending, text in ((".md", table.markdown()), (".html", table.html())):
        assert text.count(CANARY) == 1 and with_canary(text, ending) == text


def test_marking_a_folder_twice_changes_nothing_more(tmp_path):
    (tmp_path / "tables").mkdir()
    (tmp_path / "tables" / "a.md").write_text("# A\n\n- note\n")
    (tmp_path / "transcript.jsonl").write_text('{"round": 1}\n{"round": 2}\n')
    assert len(mark(tmp_path)) == 2 and not mark(tmp_path)
    assert [json.loads(line)["round"] for line in (tmp_path / "transcript.jsonl").read_text().splitlines()] == [1, 2]


def test_a_new_transcript_begins_with_it(tmp_path):
    from fakes import FakeLLM

    from seki_lib.llm.transcript import Recorder, recorded_calls

    recorder = Recorder(tmp_path / "transcript.jsonl", FakeLLM())
    for text in ("one", "two"):
        recorder.complete([{"role": "user", "content": text}])
    assert [call.get("canary") for call in recorded_calls(tmp_path / "transcript.jsonl")] == [REQUEST, None]
