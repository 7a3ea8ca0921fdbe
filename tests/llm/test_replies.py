import json

import pytest
from fuzz import fuzzed_replies

from seki_lib.files.errors import InvalidArchitecture
from seki_lib.llm import LLM, Completion
from seki_lib.llm.transcript import Recorder
from seki_lib.spaces import SPACES


@pytest.mark.parametrize("name", SPACES)
def test_10000_fuzzed_replies_give_an_architecture_or_invalid_architecture_and_nothing_else(name):
    space = SPACES[name]
    valid = invalid = 0
    for text, notation in fuzzed_replies(space, 10_000):
        try:
            arch = space.read(text, notation)
        except InvalidArchitecture as error:
            assert len(str(error)) < 500
            invalid += 1
        else:
            assert space.parse(space.format(arch)) == arch
            valid += 1
    assert valid > 1000 and invalid > 1000


class Says(LLM):
    name = "fake:says"

    def __init__(self, text):
        self.text = text

    def answer(self, question):
        return Completion(self.text)


@pytest.mark.parametrize("text", ["\ud800 half a pair", "\x00", "a\u2028b", "🧠" * 10, "x" * 1_000_000])
def test_any_reply_can_be_recorded_and_reads_the_same_from_disk(text, tmp_path):
    path, question = tmp_path / "transcript.jsonl", [{"role": "user", "content": "?"}]
    first = Recorder(path, Says(text)).complete(question, seed=1)
    assert Recorder(path, None).complete(question, seed=1).text == first.text
    assert json.loads(path.read_text(encoding="utf-8").split("\n")[0])["reply"] == first.text


def test_a_reply_of_a_megabyte_is_not_sent_back_in_full(table, tmp_path):
    from fakes import FakeLLM

    from seki_lib import get_evaluator, get_space
    from seki_lib.prompts import Prompts
    from seki_lib.search import Search, SearchConfig, run
    from seki_lib.search.replies import LONGEST_QUOTE
    from seki_lib.search.repository import Repository

    llm = FakeLLM("nothing " * 125_000)
    config = SearchConfig(rounds=1, lam=1, notation="words", strategy="edit")
    evaluator = get_evaluator("tabular", space="nas201", task="cifar10")
    search = Search(get_space("nas201"), evaluator, llm, Prompts.load("compact"), Repository(), config)
    assert list(run(search))[1].record.how == "repaired"
    assert all(len(str(messages)) < LONGEST_QUOTE + 2000 for messages, _, _ in llm.calls)
