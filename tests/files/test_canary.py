"""What the kit commits asks not to be trained on, and can be found again if it was."""

from pathlib import Path

from seki_lib.files.canary import CANARY, REQUEST
from seki_lib.files.jsonl import read_lines
from seki_lib.report.tables import Cell, Table

ROOT = Path(__file__).parents[2]
KEPT = ROOT / "results" / "reference"


def test_every_committed_transcript_and_table_carries_the_canary():
    transcripts = {path.with_name("transcript.jsonl") for path in KEPT.rglob("transcript.jsonl*")}
    assert transcripts
    for path in transcripts:  # read_lines opens packed ones too
        first, *rest = read_lines(path)
        assert first["canary"] == REQUEST and not any("canary" in line for line in rest)
    tables = [path for path in KEPT.rglob("*") if path.suffix in (".md", ".html") and path.name != "README.md"]
    assert tables and all(CANARY in path.read_text(encoding="utf-8") for path in tables)
    assert CANARY in (ROOT / "data" / "paper" / "CANARY").read_text()


def test_a_table_carries_it_once():
    table = Table("a", "A", {"b": "B"})
    table.add("row", {"b": Cell("1", "measured")})
    assert [text.count(CANARY) for text in (table.markdown(), table.html())] == [1, 1]


def test_a_new_transcript_begins_with_it(tmp_path):
    from fakes import FakeLLM

    from seki_lib.llm.transcript import Recorder, recorded_calls

    recorder = Recorder(tmp_path / "transcript.jsonl", FakeLLM())
    for text in ("one", "two"):
        recorder.complete([{"role": "user", "content": text}])
    assert [call.get("canary") for call in recorded_calls(tmp_path / "transcript.jsonl")] == [REQUEST, None]
