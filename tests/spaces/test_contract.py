"""What holds of every search space, and that a new one of one file goes through a whole search."""

import json
import random

import pytest
from fakes import FakeLLM
from toy_space import ChainSpace, Toy

from seki_lib.evaluators import EVALUATORS
from seki_lib.files.errors import InvalidArchitecture
from seki_lib.prompts import Prompts
from seki_lib.report.tables import Cell, Table
from seki_lib.search import Repository, Search, SearchConfig, run
from seki_lib.search.baselines import run_baseline
from seki_lib.spaces import SPACES

EVERY = {**SPACES, "chain": ChainSpace()}


@pytest.mark.parametrize("name", EVERY)
def test_a_space_keeps_its_contract(name):
    space, rng = EVERY[name], random.Random(0)
    assert space.name == name and space.evaluator in EVALUATORS
    for _ in range(20):
        arch = space.random(rng)
        assert space.parse(space.format(arch)) == arch and len({arch}) == 1
        canonical = space.canonical(arch)
        assert space.canonical(canonical) == canonical
        neighbors = space.neighbors(arch)
        assert arch not in neighbors and len(set(neighbors)) == len(neighbors)
        for notation in space.notations:
            assert space.read(space.show(arch, notation), notation) == arch
            edits = space.edits(arch, notation)
            assert set(edits.values()) == set(neighbors) and len(edits) == len(neighbors)
            assert space.reply_schema(notation).grammar == space.reply_grammar(notation)
    with pytest.raises(InvalidArchitecture):
        space.parse("nothing")
    with pytest.raises(InvalidArchitecture):
        space.read("no idea", "names")


def test_a_new_space_of_one_file_goes_through_a_whole_search_to_a_table(tmp_path):
    space = ChainSpace()
    llm = FakeLLM()
    llm.answer = answered_in(space, llm)
    config = SearchConfig(rounds=12, lam=8, k=4, xi=2, notation="words", strategy="edit")
    search = Search(space, Toy(), llm, Prompts.load("compact"), Repository(tmp_path / "history.jsonl"), config)
    steps = list(run(search))
    assert len({step.record.canonical for step in steps}) == 13
    found = run_baseline("local_search", space, Toy(), evaluations=13, seed=0)
    table = Table("toy", "A toy", {"score": "score"})
    for label, score in (("SEKI", steps[-1].best), ("local search", max(found.scores))):
        table.add(label, {"score": Cell(f"{score:.0f}", "measured")}, 1)
    assert len(table.write(tmp_path)) == 3
    assert len((tmp_path / "history.jsonl").read_text().splitlines()) == 13
    assert json.loads((tmp_path / "history.jsonl").read_text().splitlines()[0])["how"] == "alpha0"


def answered_in(space, llm):
    """The fake LLM, answering in the words of this space."""

    def answer(question):
        schema, rng = question.schema, random.Random(question.seed)
        text = rng.choice(schema["enum"]) if "enum" in schema else space.show(space.random(rng), llm.notation)
        return type(llm)(text).answer(question) if "enum" not in schema else FakeLLM.answer(llm, question)

    return answer
