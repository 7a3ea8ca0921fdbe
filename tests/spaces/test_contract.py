"""What holds of every search space, and that a new one of one file goes through a whole search."""

import json
import random
from dataclasses import replace

import numpy as np
import pytest
from fakes import FakeLLM
from toy_space import ChainSpace, Toy

from seki_lib.baseline_runs import BaselineRuns
from seki_lib.evaluators import EVALUATORS
from seki_lib.files.errors import InvalidArchitecture
from seki_lib.files.fingerprint import PACKAGE
from seki_lib.nn import build_supernet
from seki_lib.prompts import Prompts
from seki_lib.report.plots import best_so_far, save
from seki_lib.report.style import BASELINES
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


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("use", ["format", "canonical", "neighbors", "show", "edits"])
def test_what_is_no_architecture_of_a_space_is_refused_by_name(name, use):
    space, rng = SPACES[name], random.Random(0)
    foreign = [other.random(rng) for other in SPACES.values() if other is not space]
    notation = ("words",) if use in ("show", "edits") else ()
    for arch in (*foreign, space.format(space.random(rng)), None, 3):
        with pytest.raises(InvalidArchitecture, match=f"{name}: a {space.architecture.__name__} is expected"):
            getattr(space, use)(arch, *notation)


@pytest.mark.parametrize(
    "edges", [[("sep_conv_3x3", 0)] * 8, (("sep_conv_3x3", 0.0), ("skip_connect", 1)) * 4, None, "x"]
)
def test_a_genotype_of_other_python_types_is_refused(edges):
    good = SPACES["darts"].random(random.Random(0))
    with pytest.raises(InvalidArchitecture, match="darts: normal cell"):
        replace(good, normal=edges)


@pytest.mark.parametrize("name", EVERY)
def test_a_space_states_its_record(name):
    space = EVERY[name]
    assert isinstance(space.random(random.Random(0)), space.architecture)
    assert len(space.operations) == len(space.notation("words").spelling)
    for text in space.public_genotypes.values():
        assert space.format(space.parse(text)) == text
    for trainer in (space.trainer, *([space.supernet_trainer] if space.supernets else [])):
        assert (PACKAGE / "training" / f"{trainer}.py").is_file()
    if space.supernets and space.supernet_trainer == "supernet":
        assert build_supernet(space, channels=2, layers=1, classes=2, partial=1).kind == space.supernets[0]


def test_a_new_space_of_one_file_goes_through_a_whole_search_to_plots_and_a_table(tmp_path):
    space = ChainSpace()
    llm = FakeLLM()
    llm.answer = answered_in(space, llm)
    config = SearchConfig(rounds=12, lam=8, k=4, xi=2, notation="words", strategy="edit")
    search = Search(space, Toy(), llm, Prompts.load("compact"), Repository(tmp_path / "history.jsonl"), config)
    steps = list(run(search))
    assert len({step.record.canonical for step in steps}) == 13
    found = {
        name: [run_baseline(name, space, Toy(), evaluations=13, seed=seed).scores for seed in range(3)]
        for name in BASELINES
    }
    baselines = BaselineRuns(("toy",), {name: np.array(scores) for name, scores in found.items()}, {})
    scores = [step.record.score for step in steps]
    figure = best_so_far([scores], baselines, lam=8, label="SEKI", oracle=20.0)
    assert all(path.stat().st_size for path in save(figure, tmp_path, "toy"))
    table = Table("toy", "A toy", {"score": "score"})
    for label, score in (("SEKI", steps[-1].best), ("local search", max(found["local_search"][0]))):
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
