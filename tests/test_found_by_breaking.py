"""Inputs by which somebody broke the kit: each is refused or read as it was meant."""

import json
import lzma

import pytest

from seki_lib.evaluators.tabular import tabular
from seki_lib.files.errors import LLMError, SettingError
from seki_lib.files.jsonl import append_line, read_lines, require_room
from seki_lib.llm import CallSeed, get_llm
from seki_lib.llm.base import LLM, Completion
from seki_lib.llm.budget import Budget, Limits
from seki_lib.llm.redaction import redact
from seki_lib.profiles import get_profile
from seki_lib.prompts import PromptError, prompts_from
from seki_lib.results import RunSpec
from seki_lib.runs import search_run
from seki_lib.search import memory


@pytest.mark.parametrize(
    "variant", ["arm=iid", "evaluator=zero_cost:params", "supernet=darts", "bn=accumulated", "x,arm=names"]
)
def test_a_variant_that_says_what_the_search_is_not_is_refused(variant, tmp_path):
    spec = RunSpec("nas201", "cifar10", "chance:null", "smoke", 8, variant)
    with pytest.raises(SettingError, match="stands for"):
        search_run(spec, get_profile("smoke"), tmp_path)
    assert not list(tmp_path.rglob("config.json"))


@pytest.mark.parametrize("text", ["", " \n"])
def test_an_empty_template_is_not_taken_for_the_default_one(text, tmp_path):
    (tmp_path / "mine.md.j2").write_text(text)
    with pytest.raises(PromptError, match=r"template critique: .*mine\.md\.j2 is empty"):
        prompts_from("chance:null", {"critique": tmp_path / "mine.md.j2"})


@pytest.mark.parametrize("value", ['"topsecretvalue-one"', "“topsecretvalue-one”", " topsecretvalue-one\n"])
def test_a_key_is_hidden_as_it_is_sent(value, monkeypatch):
    monkeypatch.setenv("OPENAI_API_KEY", value)
    assert "topsecret" not in redact("Incorrect API key provided: topsecretvalue-one")
    monkeypatch.setenv("OPENAI_API_KEY", "123456789012")
    assert redact("key 123456789012") == "key [secret]"
    monkeypatch.setenv("OPENAI_API_KEY", "none")  # what servers of one's own are given
    assert redact("none, skip") == "none, skip"


@pytest.mark.parametrize("ledger", ['{"calls": 0, "tokens": 0, "usd": NaN, "open": {}}', "{}", '{"calls": "3"}',
                                    '{"calls": 0, "tokens": 0, "usd": 0, "open": []}', "null"])  # fmt: skip
def test_a_ledger_without_amounts_keeps_no_bound_and_lets_no_call_through(ledger, tmp_path):
    budget = Budget(tmp_path, Limits(usd=0.01))
    budget.path.parent.mkdir(parents=True, exist_ok=True)
    budget.path.write_text(ledger)
    with pytest.raises(LLMError, match="mend or remove it"):
        budget.spent()


@pytest.mark.parametrize("first", [append_line, lambda path, record: require_room(path) or append_line(path, record)])
def test_a_packed_transcript_goes_on_and_loses_nothing(first, tmp_path):
    path = tmp_path / "transcript.jsonl"
    path.with_name("transcript.jsonl.xz").write_bytes(lzma.compress(b'{"round": 1}\n{"round": 2}\n'))
    first(path, {"round": 3})
    assert [line["round"] for line in read_lines(path)] == [1, 2, 3]


class Says(LLM):
    name, notation = "says:it", "words"

    def __init__(self, text):
        self.text = text

    def answer(self, question):
        return Completion(self.text)


def test_what_is_recalled_is_read_in_other_words_too_and_what_is_no_answer_is_none(table):
    evaluator, seed = tabular("nas201", "cifar10"), CallSeed(0, 0, "completion", 0)
    end = "|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|"
    found = {memory._completion(Says(text), evaluator, seed) for text in (end, f"{end}\n", f"The best is {end}.")}
    assert len(found) == 1 and found.pop() > 0.5
    assert memory._completion(Says("I do not know"), evaluator, seed) is None
    assert memory._best(Says("I do not know"), evaluator, seed) is None
    said = {"CIFAR-10 test accuracy: 94.37%": 94.37, "Of 15,625 cells the best has 94.37": 94.37, "100.0": 100.0}
    assert {text: memory._accuracy(Says(text), seed) for text in said} == said
    assert memory._accuracy(Says("none"), seed) is None


@pytest.mark.parametrize(
    ("name", "content"),
    [("config.json", {"llm": {"name": "chance:other", **get_llm("chance:null").settings}}),
     ("result.json", {"llm": "chance:other"})],
)  # fmt: skip
def test_answers_of_another_llm_are_not_given_out_as_one_s_own(name, content, tmp_path, monkeypatch):
    from seki_lib.app.cli import main

    folder = tmp_path / "smoke" / "memory" / "nas201" / "chance-null" / "seed=0"
    folder.mkdir(parents=True)
    (folder / name).write_text(json.dumps(content))
    words = ["seki", "memory", "--llm", "chance:null", "--profile", "smoke", "--results", str(tmp_path)]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as stop:
        main()
    assert "by other settings (llm.name)" in str(stop.value.code)
    assert not list(tmp_path.rglob("transcript.jsonl"))
