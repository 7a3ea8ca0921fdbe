import random
import re
import string
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from seki_lib.spaces import InvalidArchitecture, TransNasBench101Cell, get_space
from seki_lib.spaces.trans101 import OPERATIONS

SPACE = get_space("trans101")
CELL = "64-41414-1_02_333"
ALL = [TransNasBench101Cell(operations) for operations in product(OPERATIONS, repeat=6)]
cells = st.sampled_from(ALL)


def test_format_and_parse_are_inverse_for_every_cell():
    assert len(ALL) == SPACE.size == 4096
    assert all(SPACE.parse(SPACE.format(cell)) == cell for cell in ALL)
    assert SPACE.format(SPACE.parse(CELL)) == CELL


def test_the_digits_are_the_edges_in_the_benchmarks_order():
    """Its own description of 1_02_333: node 2 is none of node 0 and a 1x1 convolution of node 1."""
    assert SPACE.parse(CELL).edges == ("skip_connect", "none", "nor_conv_1x1", *["nor_conv_3x3"] * 3)


def test_the_cells_of_the_table_are_those_of_the_space_in_the_order_of_their_digits(trans101_table):
    assert list(trans101_table.rows) == [SPACE.format(cell) for cell in ALL]


@given(cells)
def test_neighbors_are_the_18_cells_that_differ_on_one_edge(cell):
    neighbors = SPACE.neighbors(cell)
    assert len(neighbors) == len(set(neighbors)) == 18
    assert all(sum(a != b for a, b in zip(cell.edges, n.edges, strict=True)) == 1 for n in neighbors)


def outputs(cell, reduction):
    """A numeric stand-in for a cell: node 0 is 1, and in a reduction a skip from it is no identity."""
    value = {"none": 0.0, "skip_connect": 1.0, "nor_conv_1x1": np.pi, "nor_conv_3x3": np.e}
    edges = iter(cell.edges)
    nodes = [1.0]
    for target in (1, 2, 3):
        total = 0.0
        for source in range(target):
            operation = next(edges)
            factor = 1.7 if reduction and source == 0 and operation == "skip_connect" else value[operation]
            linear = operation in ("none", "skip_connect")
            total += factor * (nodes[source] if linear else np.sin(nodes[source]))  # a convolution is no plain factor
        nodes.append(total)
    return nodes[3]


def test_cells_of_a_class_compute_the_same_in_both_kinds_of_cell_and_others_do_not():
    classes = {}
    for cell in ALL:
        classes.setdefault(SPACE.canonical(cell), []).append(cell)
    assert len(classes) == 1229
    assert all(SPACE.canonical(cell) == cell for cell in classes)
    computed = {}
    for first, members in classes.items():
        for reduction in (False, True):
            assert np.ptp([outputs(cell, reduction) for cell in members]) < 1e-9
        computed.setdefault((round(outputs(first, False), 9), round(outputs(first, True), 9)), []).append(first)
    assert len(computed) == len(classes)


def test_cells_of_a_class_differ_in_the_table_by_the_noise_of_training_only(trans101_table):
    """Medians over pairs: 0.5 points of object classification within a class, 3 between any two cells."""
    column = trans101_table.columns.index("class_object_valid_top1")
    value = {cell: trans101_table.rows[SPACE.format(cell)][column] for cell in ALL}
    rng = random.Random(0)
    within = [abs(value[cell] - value[SPACE.canonical(cell)]) for cell in ALL if SPACE.canonical(cell) != cell]
    between = [abs(value[rng.choice(ALL)] - value[rng.choice(ALL)]) for _ in range(4000)]
    assert np.median(within) < 0.6
    assert np.median(between) > 2.5


@given(cells, st.sampled_from(["names", "words"]))
def test_what_a_prompt_shows_is_read_back(cell, notation):
    assert SPACE.read(SPACE.show(cell, notation), notation) == cell


@given(cells)
def test_every_edit_is_one_neighbor_in_words(cell):
    edits = SPACE.edits(cell, "words")
    assert list(edits.values()) == list(SPACE.neighbors(cell))


@pytest.mark.parametrize(
    ("text", "edge", "reason"),
    [
        ("64-41414-1_02_334", "2->3", "'4'"),
        ("64-41414-1_0x_333", "1->2", "'x'"),
        ("64-41414-1_02_33", "node 3", "3 edges expected, 2 found"),
        ("64-41414-102_333", "3 nodes", "2 found"),
        ("64-1234-basic", "64-41414-", "1234"),
        ("1_02_333", "64-41414-", "1_02_333"),
        ("64-41414-1_0²_333", "1->2", "²"),
        ("", "64-41414-", "''"),
    ],
)
def test_a_bad_text_is_refused_with_the_edge_and_the_reason(text, edge, reason):
    with pytest.raises(InvalidArchitecture) as error:
        SPACE.parse(text)
    assert edge in str(error.value)
    assert reason in str(error.value)


def test_five_thousand_random_strings_and_mutations_raise_nothing_but_invalid_architecture():
    rng, known, refused = random.Random(0), set(ALL), 0
    for i in range(5000):
        text = list(SPACE.format(rng.choice(ALL)) if i % 2 else "".join(rng.choices(string.printable, k=30)))
        for _ in range(rng.randrange(4)):
            text[rng.randrange(len(text))] = rng.choice("0123456789_-x٣")
        for read in (SPACE.parse, lambda t: SPACE.read(t, "words"), lambda t: SPACE.read(t, "names")):
            try:
                assert read("".join(text)) in known
            except InvalidArchitecture:
                refused += 1
    assert refused > 9000


def test_a_reply_is_read_from_json_and_prose_and_the_last_cell_counts():
    edges = {"0->1": "skip", "0->2": "zero", "1->2": "small", "0->3": "large", "1->3": "large", "2->3": "large"}
    assert SPACE.read(str(edges).replace("'", '"'), "words") == SPACE.parse(CELL)
    assert SPACE.read("zero zero zero zero zero zero, or: skip zero small large large large.", "words") == SPACE.parse(
        CELL
    )
    assert SPACE.read(f"Instead of 64-41414-0_00_000 I would take {CELL}.", "names") == SPACE.parse(CELL)
    with pytest.raises(InvalidArchitecture, match="64-41414"):
        SPACE.read("64-2311-1_02_333", "names")


def test_a_prompt_explains_every_digit_and_the_grammar_gives_exactly_the_cells():
    described = SPACE.describe("names")
    assert all(f"{digit} {operation}" in described for digit, operation in enumerate(OPERATIONS))
    grammar = SPACE.reply_grammar("names")
    root = re.search("root ::= (.*)", grammar).group(1)
    pattern = "".join("[0-3]" if part == "digit" else part.strip('"') for part in root.split())
    assert all(re.fullmatch(pattern, SPACE.format(cell)) for cell in ALL)
    assert set(SPACE.reply_schema("words")["properties"]["2->3"]["enum"]) == {"zero", "skip", "small", "large"}


def test_a_cell_of_one_space_is_not_one_of_the_other():
    other = get_space("nas201").architecture(ALL[5].edges)
    assert other != ALL[5]
    with pytest.raises(InvalidArchitecture, match="avg_pool_3x3"):
        TransNasBench101Cell(("avg_pool_3x3",) * 6)
