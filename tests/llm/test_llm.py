"""What an LLM is, whoever answers; and the names of recorded calls, which must not change."""

import json
from pathlib import Path

import pytest
from fakes import FakeLLM

from seki_lib import get_space
from seki_lib.files.errors import LLMError
from seki_lib.files.jsonl import read_lines
from seki_lib.llm import LLM, CallSeed, Completion, Question
from seki_lib.llm.transcript import Recorder
from seki_lib.spaces import ReplySchema

MESSAGES = [{"role": "user", "content": "Which?"}]
REFERENCE = Path(__file__).parents[2] / "results" / "reference" / "searches"


class Says(LLM):
    name = "fake:says"

    def __init__(self, text, **fields):
        self.completion = Completion(text, **fields)

    def answer(self, question):
        self.asked = question
        return self.completion


def test_every_optional_thing_has_its_default():
    llm = Says("x")
    assert (llm.notation, llm.templates, llm.strategy, llm.headroom) == ("names", "full", "free", 0)
    assert (llm.hosted, llm.recorded) == (True, None)
    assert dict(llm.settings) == dict(llm.texts) == {} and llm.count_tokens(MESSAGES) is None


def test_a_question_and_its_parts_are_asked_alike():
    llm, schema = Says("x"), ReplySchema.one_of(["a", "b"])
    llm.complete(MESSAGES, schema=schema, seed=3, max_tokens=7)
    assert llm.asked == Question(MESSAGES, schema, 3, 7)
    llm.complete(Question(MESSAGES, schema, 3, 7))
    assert llm.asked == Question(MESSAGES, schema, 3, 7)


def test_the_keys_of_recorded_calls_do_not_change():
    assert Question(MESSAGES).key == "f69f36d6d0fbc24d"
    assert Question(MESSAGES, {"type": "string"}, 3, 7).key == "b99c369acab1132b"
    assert Question(MESSAGES, ReplySchema.one_of(["a", "b"]), CallSeed(0, 1, "refine", 2), 40).key == "ab57c53db95dc43c"
    seen = 0
    for path in REFERENCE.rglob("transcript.jsonl"):
        for line in read_lines(path):
            if line["stage"] == "refine" and "/nas201/" in str(path):
                schema = get_space("nas201").reply_schema("words")
                assert Question(line["messages"], schema, line["seed"], line["max_tokens"]).key == line["key"]
                seen += 1
    assert seen > 100


@pytest.mark.parametrize(
    ("said", "text", "thoughts"),
    [
        ("<think>|none~0|</think>\nThe cell", "The cell", "|none~0|"),
        (" \n\t", "", ""),
        ("\ufefftext", "text", ""),
        ("a\ud800", "a?", ""),
        (" kept as it is ", " kept as it is ", ""),
    ],
)
def test_whoever_answers_thoughts_are_no_reply_and_blanks_are_an_empty_one(said, text, thoughts, tmp_path):
    first = Recorder(tmp_path / "t.jsonl", Says(said)).complete(MESSAGES)
    assert (first.text, first.thoughts) == (text, thoughts)
    assert Recorder(tmp_path / "t.jsonl", None).complete(MESSAGES) == first


def test_a_provider_s_own_thoughts_stand_beside_those_in_the_text():
    assert Says("<think>b</think>c", thoughts="a").complete(MESSAGES).thoughts == "a\nb"


@pytest.mark.parametrize("said", ["", "  ", "<think>the cell is |none~0|"])
def test_an_empty_reply_that_was_cut_off_is_no_reply(said, tmp_path):
    with pytest.raises(LLMError, match=r"thought through its whole allowance of 512 tokens"):
        Recorder(tmp_path / "t.jsonl", Says(said, finish="length")).complete(MESSAGES)
    (line,) = read_lines(tmp_path / "t.jsonl")
    assert "thought through" in line["error"]


def test_a_recorded_reply_of_blanks_reads_as_an_empty_one(tmp_path):
    Recorder(tmp_path / "t.jsonl", Says("x")).complete(MESSAGES)
    line = json.loads((tmp_path / "t.jsonl").read_text()) | {"reply": " \n"}
    (tmp_path / "t.jsonl").write_text(json.dumps(line) + "\n")
    assert Recorder(tmp_path / "t.jsonl", None).complete(MESSAGES).text == ""


def test_a_record_is_an_llm_as_the_one_that_it_records(tmp_path):
    llm = FakeLLM(unreadable=3)
    recorder = Recorder(tmp_path / "new" / "t.jsonl", llm)
    assert (recorder.notation, recorder.strategy, recorder.settings) == ("words", "edit", {"unreadable": 3})
    assert recorder.complete(MESSAGES, seed=1).text  # in a folder that was not there
