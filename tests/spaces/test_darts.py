"""The DARTS space: exact size, text forms, neighbours, classes, and what an LLM may reply."""

import json
import random
from collections import Counter
from itertools import combinations, product
from math import comb, prod

import pytest

from seki_lib.evaluators.base import Evaluation, Evaluator
from seki_lib.files.errors import AssetError, InvalidArchitecture
from seki_lib.files.source import DataSource
from seki_lib.llm import get_llm
from seki_lib.prompts import Prompts
from seki_lib.search import Search, SearchConfig, run
from seki_lib.search.repository import Repository
from seki_lib.spaces import get_space
from seki_lib.spaces.darts import OPERATIONS, PRIMITIVES, DartsGenotype

SPACE = get_space("darts")
DARTS_V2 = (
    "Genotype(normal=[('sep_conv_3x3', 0), ('sep_conv_3x3', 1), ('sep_conv_3x3', 0), ('sep_conv_3x3', 1), "
    "('sep_conv_3x3', 1), ('skip_connect', 0), ('skip_connect', 0), ('dil_conv_3x3', 2)], normal_concat=[2, 3, 4, 5], "
    "reduce=[('max_pool_3x3', 0), ('max_pool_3x3', 1), ('skip_connect', 2), ('max_pool_3x3', 1), ('max_pool_3x3', 0), "
    "('skip_connect', 2), ('skip_connect', 2), ('max_pool_3x3', 1)], reduce_concat=[2, 3, 4, 5])"
)
NASNET_A = (  # 5 nodes, sep_conv_7x7, one input twice, its own concats
    "Genotype(normal=[('sep_conv_5x5', 1), ('sep_conv_3x3', 0), ('sep_conv_5x5', 0), ('sep_conv_3x3', 0), "
    "('avg_pool_3x3', 1), ('skip_connect', 0), ('avg_pool_3x3', 0), ('avg_pool_3x3', 0), ('sep_conv_3x3', 1), "
    "('skip_connect', 1)], normal_concat=[2, 3, 4, 5, 6], reduce=[('sep_conv_5x5', 1), ('sep_conv_7x7', 0), "
    "('max_pool_3x3', 1), ('sep_conv_7x7', 0), ('avg_pool_3x3', 1), ('sep_conv_5x5', 0), ('skip_connect', 3), "
    "('avg_pool_3x3', 2), ('sep_conv_3x3', 2), ('max_pool_3x3', 1)], reduce_concat=[4, 5, 6])"
)


def genotypes(count, seed=0):
    rng = random.Random(seed)
    return [SPACE.random(rng) for _ in range(count)]


def test_the_size_is_the_number_of_genotypes():
    cell = prod(comb(earlier, 2) * len(OPERATIONS) ** 2 for earlier in (2, 3, 4, 5))
    assert cell == 1_037_664_180
    assert SPACE.size == cell**2


def test_none_is_a_candidate_of_the_supernet_only():
    assert PRIMITIVES[0] == "none" and len(PRIMITIVES) == 8
    assert SPACE.operations == PRIMITIVES[1:]
    with pytest.raises(InvalidArchitecture, match="normal cell, node 2, edge 1: 'none' stands in no final cell"):
        SPACE.parse(DARTS_V2.replace("sep_conv_3x3", "none", 1))


@pytest.mark.parametrize("notation", SPACE.notations)
def test_every_text_reads_back(notation):
    for arch in genotypes(300):
        assert SPACE.parse(SPACE.format(arch)) == arch
        assert SPACE.read(SPACE.show(arch, notation), notation) == arch


def test_the_text_of_the_field_is_read_as_public_code_prints_it():
    assert SPACE.format(SPACE.parse(DARTS_V2)) == DARTS_V2
    with_ranges = DARTS_V2.replace("[2, 3, 4, 5]", "range(2, 6)").replace("'", '"')
    assert SPACE.parse(with_ranges) == SPACE.parse(DARTS_V2)


@pytest.mark.parametrize("like", [0.0, False])
def test_a_cell_that_merely_equals_a_legal_one_is_refused(like):
    first, *others = (("skip_connect", 0), ("skip_connect", 1)) * 4
    legal, equal = (first, *others), (("skip_connect", like), *others)
    assert DartsGenotype(legal, legal).normal == equal
    with pytest.raises(InvalidArchitecture):
        DartsGenotype(equal, legal)


def test_cells_outside_the_space_are_refused():
    with pytest.raises(InvalidArchitecture, match="operation 'sep_conv_7x7' is not one of"):
        SPACE.parse(NASNET_A)
    with pytest.raises(InvalidArchitecture, match="nodes 2-5"):
        SPACE.parse(NASNET_A.replace("7x7", "5x5"))
    with pytest.raises(InvalidArchitecture, match="a DartsGenotype is expected"):
        SPACE.neighbors("no genotype")
    with pytest.raises(InvalidArchitecture):
        SPACE.read(NASNET_A, "names")


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        (
            "('sep_conv_3x3', 1), ('skip_connect', 0)",
            "('sep_conv_3x3', 4), ('skip_connect', 0)",
            "node 4, edge 1: comes from",
        ),
        (
            "('max_pool_3x3', 0), ('max_pool_3x3', 1)",
            "('max_pool_3x3', 1), ('max_pool_3x3', 1)",
            "both edges come from node 1",
        ),
        ("dil_conv_3x3", "nor_conv_3x3", "normal cell, node 5, edge 2: operation 'nor_conv_3x3'"),
        ("dil_conv_3x3", "sep_conv_7x7", "normal cell, node 5, edge 2: operation 'sep_conv_7x7'"),
        ("reduce_concat=[2, 3, 4, 5]", "reduce_concat=[2, 3, 4, 6]", "reduce_concat"),
        ("reduce_concat=[2, 3, 4, 5]", "reduce_concat=[2, 2, 4, 5]", "reduce_concat"),
        ("reduce_concat=[2, 3, 4, 5]", "reduce_concat=[]", "reduce_concat"),
        (", reduce_concat=[2, 3, 4, 5]", "", "no reduce_concat="),
        ("('skip_connect', 0), ('skip_connect', 0)", "('skip_connect', 0)", "two edges a node"),
        ("('skip_connect', 0)", "__import__('os')", "cannot read"),
        ("normal=", "abnormal=", "no normal="),
        ("5])", "5], extra=[1])", "unexpected"),
    ],
)
def test_a_wrong_text_is_refused_with_the_place_and_the_reason(old, new, message):
    assert old in DARTS_V2
    with pytest.raises(InvalidArchitecture, match=message.replace("(", r"\(")):
        SPACE.parse(DARTS_V2[::-1].replace(old[::-1], new[::-1], 1)[::-1])


def test_120_neighbours_differ_in_one_operation_or_one_predecessor():
    for arch in genotypes(50):
        neighbors = SPACE.neighbors(arch)
        kinds = Counter()
        for neighbor in neighbors:
            pairs = list(zip(arch.normal + arch.reduce, neighbor.normal + neighbor.reduce, strict=True))
            ((old, new),) = [(a, b) for a, b in pairs if a != b]
            assert (old[0] != new[0]) != (old[1] != new[1])
            kinds["operation" if old[0] != new[0] else "predecessor"] += 1
            SPACE.require(neighbor)
        assert len(set(neighbors)) == 120
        assert kinds == {"operation": 96, "predecessor": 24}


@pytest.mark.parametrize("notation", SPACE.notations)
def test_each_neighbour_has_words_of_its_own(notation):
    for arch in genotypes(20):
        edits = SPACE.edits(arch, notation)
        assert set(edits.values()) == set(SPACE.neighbors(arch)) and len(edits) == 120


def renumbered(arch, rng):
    """The same graph with nodes numbered in another valid order and edges shuffled."""

    def cell(edges):
        nodes = [list(edges[i : i + 2]) for i in range(0, 8, 2)]
        left, new_number, result = [0, 1, 2, 3], {0: 0, 1: 1}, []
        while left:
            ready = [node for node in left if all(source in new_number for _, source in nodes[node])]
            node = rng.choice(ready)
            left.remove(node)
            new_number[2 + node] = 2 + len(result) // 2
            pair = [(operation, new_number[source]) for operation, source in nodes[node]]
            rng.shuffle(pair)
            result += pair
        return tuple(result)

    return DartsGenotype(cell(arch.normal), cell(arch.reduce))


def test_canonical_is_one_for_all_numberings_of_one_graph():
    rng = random.Random(1)
    for arch in genotypes(300):
        canonical = SPACE.canonical(arch)
        SPACE.require(canonical)
        assert SPACE.canonical(canonical) == canonical
        assert SPACE.canonical(renumbered(arch, rng)) == canonical


def test_random_is_uniform_by_chi_square():
    draws = genotypes(20_000, seed=2)
    categories = [  # (drawn category of each genotype, how many equally likely categories)
        ([arch.normal[0][0] for arch in draws], 7),
        ([arch.reduce[7][0] for arch in draws], 7),
        ([(arch.normal[6][1], arch.normal[7][1]) for arch in draws], 10),
        ([(arch.reduce[4][1], arch.reduce[5][1]) for arch in draws], 6),
        ([(arch.normal[2], arch.normal[3][0]) for arch in draws if arch.normal[3][1] == 2], 98),
    ]
    for values, expected in categories:
        counts, mean = Counter(values), len(values) / expected
        assert len(counts) == expected
        chi2 = sum((count - mean) ** 2 / mean for count in counts.values())
        degrees = expected - 1
        assert chi2 < degrees + 4 * (2 * degrees) ** 0.5  # 4 standard deviations of the chi-square distribution


def test_the_schema_admits_every_genotype_and_nothing_else():
    schema = SPACE.reply_schema("names")["properties"]["normal"]["properties"]
    choices = prod(len(node["properties"][key]["enum"]) for node in schema.values() for key in node["properties"])
    assert choices**2 == SPACE.size
    for node, record in schema.items():
        assert record["properties"]["inputs"]["enum"] == [f"{a},{b}" for a, b in combinations(range(int(node)), 2)]


def as_json(arch):
    def cell(edges):
        pairs = {str(2 + i // 2): sorted(edges[i : i + 2], key=lambda edge: edge[1]) for i in range(0, 8, 2)}
        return {n: {"inputs": f"{a[1]},{b[1]}", "first": a[0], "second": b[0]} for n, (a, b) in pairs.items()}

    return {"normal": cell(arch.normal), "reduce": cell(arch.reduce)}


def test_json_is_read_with_fences_white_space_and_text_around():
    for arch, other in zip(genotypes(50, 3), genotypes(50, 4), strict=True):
        for text in (json.dumps(as_json(arch)), json.dumps(as_json(arch), indent=4)):
            assert SPACE.read(f"Sure! ```json\n{text}\n```\nThis normal cell is good.", "names") == arch
            assert SPACE.read(f"First {json.dumps(as_json(other))}, better: {{'a': {text}}}", "names") == arch
        swapped = {"reduce": as_json(arch)["reduce"], "normal": as_json(arch)["normal"]}
        assert SPACE.read(json.dumps(swapped), "names") == arch
        lists = {"normal": [list(edge) for edge in arch.normal], "reduce": [list(edge) for edge in arch.reduce]}
        assert SPACE.read(json.dumps(lists), "names") == arch


def test_of_several_candidates_the_last_counts():
    first, last = genotypes(2)
    assert SPACE.read(f"{SPACE.format(first)}\nno: {SPACE.show(last, 'words')}.", "words") == last
    assert SPACE.read(f"{SPACE.show(first, 'words')} {json.dumps(as_json(last))} é", "names") == last
    assert SPACE.read(f"{json.dumps(as_json(first))}\n\n{SPACE.format(last)} Done", "names") == last


def test_10_000_broken_replies_give_a_genotype_or_invalid_architecture():
    rng = random.Random(5)
    pieces = [
        '"normal":',
        "normal=[",
        "normal ",
        '"reduce":',
        "reduce=[",
        "[[[[",
        "{",
        "}",
        "]",
        ")",
        "٣",
        "😀",
        "\x00",
        "\ud800",
    ]
    pieces += ['{"2":', "('none', 0)", '"inputs": "0,0"', "9" * 5000, "small0 ", "null", "-1", "1e999", "```", "NaN"]
    bases = []
    for arch in genotypes(40, 6):
        bases += [SPACE.format(arch), SPACE.show(arch, "words"), json.dumps(as_json(arch))]
    valid = 0
    for _ in range(10_000):
        text = rng.choice(bases) + rng.choice(["", " ", "```", "\n"]) + rng.choice(bases)
        for _ in range(rng.randrange(4)):
            at, length = rng.randrange(len(text)), rng.choice([0, 1, 1, 3, 30])
            text = text[:at] + rng.choice([*pieces, "", text[at : at + 9] * 3]) + text[at + length :]
        try:
            SPACE.require(SPACE.read(text, rng.choice(["names", "words"])))
            valid += 1
        except InvalidArchitecture:
            pass
    assert 1000 < valid < 9900


@pytest.mark.parametrize(
    "unit",
    [
        "normal ",
        "normal=[",
        '"normal":',
        '{"normal":[',
        "normal small0 ",
        "(('",
        "[",
        "normal small0 skip1, ",
        " ",
        "Genotype(",
        "normal   ",
    ],
)
@pytest.mark.parametrize("notation", SPACE.notations)
def test_a_megabyte_of_nonsense_is_refused(unit, notation):
    with pytest.raises(InvalidArchitecture):
        SPACE.read(unit * (1_000_000 // len(unit)), notation)


def test_a_genotype_is_found_before_90_000_characters_of_other_text():
    (arch,) = genotypes(1)
    assert SPACE.read(SPACE.format(arch) + " so it is" * 10_000, "names") == arch


class CountsSeparable(Evaluator):
    """A stand-in for f(alpha) in these tests: the share of separable convolutions, in %."""

    task = "toy task (higher is better)"
    source = DataSource("toy", "toy", "none", "")

    def __call__(self, arch):
        share = sum(operation.startswith("sep") for operation, _ in arch.normal + arch.reduce) / 16
        return Evaluation(100 * share, {}, 0.0)


@pytest.fixture(scope="module")
def llm():
    try:
        return get_llm("local:smollm2-135m")
    except AssetError as error:
        pytest.skip(str(error))


@pytest.mark.parametrize("strategy", ["free", "edit"])
def test_algorithm_1_runs_on_the_space_with_the_embedded_model(strategy, llm):
    config = SearchConfig(
        rounds=2, lam=1, k=2, xi=2, notation=llm.notation, strategy=strategy, critique_tokens=60, reply_tokens=120
    )
    search = Search(SPACE, CountsSeparable(), llm, Prompts.load(llm.templates), Repository(), config)
    steps = list(run(search))
    assert [step.record.how for step in steps] == ["alpha0", "llm", "llm"]
    for step in steps:
        SPACE.require(SPACE.parse(step.record.architecture))


def test_permuted_words_keep_their_meaning_through_show_and_read():
    notation = SPACE.notation("words").permuted(random.Random(7))
    for arch in genotypes(50):
        assert SPACE.read(SPACE.show(arch, notation), notation) == arch


def test_any_pair_of_operations_can_be_spelled():
    spelled = {
        SPACE.show(DartsGenotype(((a, 0), (b, 1)) * 4, ((a, 0), (b, 1)) * 4), "words")
        for a, b in product(OPERATIONS, repeat=2)
    }
    assert len(spelled) == 49
