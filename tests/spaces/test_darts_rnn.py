"""The recurrent space: exact size, text forms, neighbours, classes, and what an LLM may reply."""

import json
import random
from collections import Counter
from itertools import product
from math import prod

import pytest

from seki_lib.evaluators.base import Evaluation, Evaluator
from seki_lib.files.errors import AssetError, InvalidArchitecture
from seki_lib.files.source import DataSource
from seki_lib.llm import get_llm
from seki_lib.prompts import Prompts
from seki_lib.search import Search, SearchConfig, run
from seki_lib.search.repository import Repository
from seki_lib.spaces import get_space
from seki_lib.spaces.darts_rnn import OPERATIONS, PUBLIC_GENOTYPES, RnnGenotype, _canonical

SPACE = get_space("darts_rnn")
DARTS_V2 = (
    "Genotype(recurrent=[('sigmoid', 0), ('relu', 1), ('relu', 1), ('identity', 1), ('tanh', 2), ('sigmoid', 5), "
    "('tanh', 3), ('relu', 5)], concat=range(1, 9))"
)


def genotypes(count, seed=0):
    rng = random.Random(seed)
    return [SPACE.random(rng) for _ in range(count)]


def test_the_size_is_the_number_of_genotypes():
    assert SPACE.size == prod(4 * node for node in range(1, 9)) == 2_642_411_520


@pytest.mark.parametrize("notation", SPACE.notations)
def test_every_text_reads_back(notation):
    for arch in genotypes(300):
        assert SPACE.parse(SPACE.format(arch)) == arch
        assert SPACE.read(SPACE.show(arch, notation), notation) == arch


def test_the_text_of_the_field_is_read_as_public_code_prints_it():
    assert PUBLIC_GENOTYPES["DARTS_V2"] == DARTS_V2
    assert SPACE.format(SPACE.parse(DARTS_V2)) == DARTS_V2
    listed = DARTS_V2.replace("range(1, 9)", "[1, 2, 3, 4, 5, 6, 7, 8]").replace("'", '"')
    assert SPACE.parse(listed) == SPACE.parse(DARTS_V2)
    spaced = DARTS_V2.replace("(", "( ").replace(", ", " ,\n ")
    assert SPACE.parse(spaced) == SPACE.parse(DARTS_V2)


def test_cells_of_the_literature_outside_the_space_are_read_but_not_searched():
    enas = SPACE.parse(PUBLIC_GENOTYPES["ENAS"])
    assert len(enas.recurrent) == 11 and enas.concat == (2, 5, 6, 9, 10, 11)
    assert SPACE.parse(SPACE.format(enas)) == enas
    with pytest.raises(InvalidArchitecture, match=r"nodes 1-8.*not 11 nodes"):
        SPACE.neighbors(enas)
    with pytest.raises(InvalidArchitecture):
        SPACE.read(PUBLIC_GENOTYPES["ENAS"], "names")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("('relu', 1), ('relu', 1)", "('relu', 1), ('relu', 3)", "node 3: comes from node 3, must come from 0 to 2"),
        ("('tanh', 2)", "('swish', 2)", "node 5: operation 'swish' is not one of tanh, relu"),
        ("('tanh', 2)", "('none', 2)", "node 5: 'none' stands in no final cell"),
        ("('tanh', 2)", "__import__('os')", "recurrent, entry 5: .* expected, cannot read"),
        ("range(1, 9)", "range(1, 10)", "concat"),
        ("range(1, 9)", "range(0, 9)", "concat"),
        ("range(1, 9)", "[1, 1]", "concat"),
        ("range(1, 9)", "[]", "concat"),
        ("range(1, 9)", "eval('1')", "concat, entry 1: a node expected, cannot read"),
        (", concat=range(1, 9)", "", "expected, found"),
        ("recurrent=[", "recurrent=[(", "cannot read"),
        ("Genotype", "eval", "expected, found"),
    ],
)
def test_a_wrong_text_is_refused_with_the_place_and_the_reason(old, new, message):
    assert old in DARTS_V2
    with pytest.raises(InvalidArchitecture, match=message):
        SPACE.parse(DARTS_V2.replace(old, new, 1))


def test_52_neighbours_differ_in_one_operation_or_one_predecessor():
    for arch in genotypes(50):
        neighbors, kinds = SPACE.neighbors(arch), Counter()
        for neighbor in neighbors:
            ((old, new),) = [(a, b) for a, b in zip(arch.recurrent, neighbor.recurrent, strict=True) if a != b]
            assert (old[0] != new[0]) != (old[1] != new[1])
            kinds["operation" if old[0] != new[0] else "predecessor"] += 1
        assert len(set(neighbors)) == 52 and kinds == {"operation": 24, "predecessor": 28}


@pytest.mark.parametrize("notation", SPACE.notations)
def test_each_neighbour_has_words_of_its_own(notation):
    for arch in genotypes(20):
        edits = SPACE.edits(arch, notation)
        assert set(edits.values()) == set(SPACE.neighbors(arch)) and len(edits) == 52


def renumbered(arch, rng):
    """The same tree with its nodes numbered in another valid order."""
    left, new_number, result = list(range(1, 9)), {0: 0}, []
    while left:
        node = rng.choice([n for n in left if arch.recurrent[n - 1][1] in new_number])
        left.remove(node)
        operation, source = arch.recurrent[node - 1]
        result.append((operation, new_number[source]))
        new_number[node] = len(result)
    return RnnGenotype(tuple(result))


def test_canonical_is_one_for_all_numberings_of_one_tree():
    rng = random.Random(1)
    for arch in genotypes(300):
        canonical = SPACE.canonical(arch)
        assert SPACE.canonical(canonical) == canonical == SPACE.canonical(renumbered(arch, rng))
        SPACE.require(canonical)


def test_there_are_as_many_classes_as_trees_with_coloured_nodes():
    """Rooted trees whose n nodes below the root have one of 4 colours: 4, 26, 188 (by the Euler transform)."""
    for nodes, classes in ((1, 4), (2, 26), (3, 188)):
        cells = product(*(product(OPERATIONS, range(node)) for node in range(1, nodes + 1)))
        assert len({_canonical(cell) for cell in cells}) == classes


def test_random_is_uniform_by_chi_square():
    draws = genotypes(20_000, seed=2)
    for values, expected in (
        ([arch.recurrent[0] for arch in draws], 4),
        ([arch.recurrent[7][1] for arch in draws], 8),
        ([(arch.recurrent[3][0], arch.recurrent[5]) for arch in draws], 4 * 24),
    ):
        counts, mean = Counter(values), len(values) / expected
        assert len(counts) == expected
        degrees = expected - 1
        assert sum((c - mean) ** 2 / mean for c in counts.values()) < degrees + 4 * (2 * degrees) ** 0.5


def as_json(arch):
    return {"recurrent": {str(n): {"operation": op, "from": s} for n, (op, s) in enumerate(arch.recurrent, start=1)}}


def test_the_schema_admits_every_genotype_and_nothing_else():
    nodes = SPACE.reply_schema("names")["properties"]["recurrent"]["properties"]
    choices = (len(node["properties"][key]["enum"]) for node in nodes.values() for key in node["properties"])
    assert prod(choices) == SPACE.size


def test_json_is_read_with_fences_white_space_and_text_around():
    for arch, other in zip(genotypes(50, 3), genotypes(50, 4), strict=True):
        for text in (json.dumps(as_json(arch)), json.dumps(as_json(arch), indent=4)):
            assert SPACE.read(f"Sure! ```json\n{text}\n```\nThis recurrent cell is good.", "names") == arch
            assert SPACE.read(f"First {json.dumps(as_json(other))}, better: {{'a': {text}}}", "names") == arch
        assert SPACE.read(json.dumps({"recurrent": [list(edge) for edge in arch.recurrent]}), "names") == arch


def test_of_several_candidates_the_last_counts():
    first, last = genotypes(2)
    assert SPACE.read(f"{SPACE.format(first)}\nno: {SPACE.show(last, 'words')}.", "words") == last
    assert SPACE.read(f"{SPACE.show(first, 'words')} {json.dumps(as_json(last))} é", "names") == last
    assert SPACE.read(f"{json.dumps(as_json(first))}\n\n{SPACE.format(last)} Done: line0 fits.", "words") == last


def test_5_000_broken_replies_give_a_genotype_or_invalid_architecture():
    rng = random.Random(5)
    pieces = ["recurrent=[", '"recurrent":', "[[[[", "{", "}", "]", ")", "٣", "😀", "\x00", "\ud800", '{"2":', "null"]
    pieces += ["('none', 0)", '"from": 9', "9" * 5000, "gate0 ", "-1", "1e999", "```", "NaN", "concat=range(2, 3)"]
    bases = []
    for arch in genotypes(40, 6):
        bases += [SPACE.format(arch), SPACE.show(arch, "words"), json.dumps(as_json(arch))]
    valid = 0
    for _ in range(5000):
        text = rng.choice(bases) + rng.choice(["", " ", "```", "\n"]) + rng.choice(bases)
        for _ in range(rng.randrange(4)):
            at, length = rng.randrange(len(text)), rng.choice([0, 1, 1, 3, 30])
            text = text[:at] + rng.choice([*pieces, "", text[at : at + 9] * 3]) + text[at + length :]
        try:
            SPACE.require(SPACE.read(text, rng.choice(["names", "words"])))
            valid += 1
        except InvalidArchitecture:
            pass
    assert 500 < valid < 4900


@pytest.mark.parametrize("unit", ["recurrent ", "recurrent=[", '"recurrent":', '{"recurrent":[', "gate0 ", "(('", " "])
@pytest.mark.parametrize("notation", SPACE.notations)
def test_a_megabyte_of_nonsense_is_refused(unit, notation):
    with pytest.raises(InvalidArchitecture):
        SPACE.read(unit * (1_000_000 // len(unit)), notation)


class CountsTanh(Evaluator):
    """A stand-in for f(alpha) in these tests: the share of tanh, in %."""

    task = "toy task (higher is better)"
    source = DataSource("toy", "toy", "none", "")

    def __call__(self, arch):
        return Evaluation(100 * sum(operation == "tanh" for operation, _ in arch.recurrent) / 8, {}, 0.0)


@pytest.fixture(scope="module")
def llm():
    try:
        return get_llm("local:smollm2-135m")
    except AssetError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("strategy", ["free", "edit"])
def test_algorithm_1_runs_on_the_recurrent_space_with_the_embedded_model(strategy, llm):
    config = SearchConfig(
        rounds=2, lam=1, k=2, xi=2, notation=llm.notation, strategy=strategy, critique_tokens=30, reply_tokens=40
    )
    search = Search(SPACE, CountsTanh(), llm, Prompts.load(llm.templates), Repository(), config)
    steps = list(run(search))
    assert [step.record.how for step in steps] == ["alpha0", "llm", "llm"]


@pytest.mark.parametrize("notation", SPACE.notations)
def test_the_embedded_models_replies_are_cells_at_first_try(notation, llm):
    schema = SPACE.reply_schema(notation)
    question = [{"role": "user", "content": SPACE.describe(notation)}]
    SPACE.read(llm.complete(question, schema=schema, seed=1, max_tokens=160).text, notation)


def test_permuted_words_keep_their_meaning_through_show_and_read():
    notation = SPACE.notation("words").permuted(random.Random(7))
    for arch in genotypes(50):
        assert SPACE.read(SPACE.show(arch, notation), notation) == arch
