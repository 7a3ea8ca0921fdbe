"""What an LLM recalls of the benchmark, and that nobody else's answers stand for it."""

import json

import pytest

from seki_lib.app.cli import main
from seki_lib.evaluators.tabular import tabular
from seki_lib.llm import CallSeed, get_llm
from seki_lib.llm.base import LLM, Completion
from seki_lib.search import memory


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
    folder = tmp_path / "smoke" / "memory" / "nas201" / "chance-null" / "seed=0"
    folder.mkdir(parents=True)
    (folder / name).write_text(json.dumps(content))
    words = ["seki", "memory", "--llm", "chance:null", "--profile", "smoke", "--results", str(tmp_path)]
    monkeypatch.setattr("sys.argv", words)
    with pytest.raises(SystemExit) as stop:
        main()
    assert "by other settings (llm.name)" in str(stop.value.code)
    assert not list(tmp_path.rglob("transcript.jsonl"))
