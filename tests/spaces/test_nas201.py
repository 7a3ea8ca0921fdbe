import json
import random
import string
from collections import Counter
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chisquare

from seki_lib.files.errors import UnknownName
from seki_lib.spaces import InvalidArchitecture, NasBench201Cell, get_space
from seki_lib.spaces.nas201 import OPERATIONS

SPACE = get_space("nas201")
CELL = "|nor_conv_3x3~0|+|skip_connect~0|none~1|+|avg_pool_3x3~0|nor_conv_1x1~1|nor_conv_3x3~2|"
ALL = [NasBench201Cell(operations) for operations in product(OPERATIONS, repeat=6)]
cells = st.sampled_from(ALL)


def test_format_and_parse_are_inverse_for_every_cell():
    assert len(ALL) == SPACE.size == 15_625
    assert all(SPACE.parse(SPACE.format(cell)) == cell for cell in ALL)
    assert SPACE.format(SPACE.parse(CELL)) == CELL


def test_isomorphic_cells_fall_into_the_published_number_of_classes():
    classes = {SPACE.canonical(cell) for cell in ALL}
    assert len(classes) == 6466
    assert all(SPACE.canonical(cell) == cell for cell in classes)


def test_isomorphic_cells_have_the_same_canonical_cell():
    a = SPACE.parse("|skip_connect~0|+|nor_conv_3x3~0|none~1|+|none~0|nor_conv_3x3~1|skip_connect~2|")
    b = SPACE.parse("|skip_connect~0|+|none~0|nor_conv_3x3~1|+|none~0|nor_conv_3x3~1|skip_connect~2|")
    assert a != b
    assert SPACE.canonical(a) == SPACE.canonical(b)


@given(cells)
def test_neighbors_are_the_24_cells_that_differ_on_one_edge(cell):
    neighbors = SPACE.neighbors(cell)
    assert len(neighbors) == len(set(neighbors)) == 24
    assert all(sum(a != b for a, b in zip(cell.edges, n.edges, strict=True)) == 1 for n in neighbors)


@pytest.mark.parametrize("rng", [random.Random(0), np.random.default_rng(0)])
def test_random_is_uniform(rng):
    counts = Counter(operation for _ in range(5000) for operation in enumerate(SPACE.random(rng).edges))
    for edge in range(6):
        assert chisquare([counts[edge, operation] for operation in OPERATIONS]).pvalue > 1e-4


@given(cells, st.sampled_from(["names", "words"]))
def test_what_a_prompt_shows_is_read_back(cell, notation):
    assert SPACE.read(SPACE.show(cell, notation), notation) == cell


@given(cells)
def test_every_edit_is_one_neighbor_in_words(cell):
    edits = SPACE.edits(cell, "words")
    assert list(edits.values()) == list(SPACE.neighbors(cell))
    text, neighbor = next(iter(edits.items()))
    edge, before, after = int(text.split()[1]), text.split()[3], text.split()[5]
    shown = SPACE.show(cell, "words").split()
    assert shown[edge - 1] == before
    assert SPACE.show(neighbor, "words").split()[edge - 1] == after


def test_permuted_words_mean_something_else_and_read_back():
    permuted = SPACE.notation("words").permuted(random.Random(1))
    cell = SPACE.parse(CELL)
    assert sorted(permuted.spelling) == sorted(SPACE.notation("words").spelling)
    assert SPACE.show(cell, permuted) != SPACE.show(cell, "words")
    assert SPACE.read(SPACE.show(cell, permuted), permuted) == cell


@pytest.mark.parametrize(
    ("text", "edge", "reason"),
    [
        (CELL.replace("none~1", "conv_7x7~1"), "1->2", "conv_7x7"),
        (CELL.replace("nor_conv_3x3~2", "nor_conv_3x3~1"), "2->3", "~2"),
        (CELL.replace("|none~1", ""), "node 2", "2 edges expected"),
        (CELL.replace("+", "-", 1), "3 nodes", "2 found"),
        ("", "3 nodes", "1 found"),
    ],
)
def test_a_bad_text_is_refused_with_the_edge_and_the_reason(text, edge, reason):
    with pytest.raises(InvalidArchitecture) as error:
        SPACE.parse(text)
    assert edge in str(error.value)
    assert reason in str(error.value)


def mutated(text, rng):
    characters = list(text)
    for _ in range(rng.randrange(1, 5)):
        place = rng.randrange(len(characters) + 1)
        kind = rng.randrange(3)
        if kind == 0:
            characters.insert(place, rng.choice(string.printable + "→～é\0"))
        elif kind == 1 and characters:
            characters.pop(min(place, len(characters) - 1))
        else:
            characters[:] = characters[place:] + characters[:place]
    return "".join(characters)


def test_ten_thousand_random_strings_and_mutations_raise_nothing_but_invalid_architecture():
    rng = random.Random(0)
    accepted = refused = 0
    for i in range(10_000):
        noise = "".join(rng.choices(string.printable + "|~+012", k=rng.randrange(90)))
        text = noise if i % 2 else mutated(SPACE.format(rng.choice(ALL)), rng)
        for read in (SPACE.parse, lambda t: SPACE.read(t, "words"), lambda t: SPACE.read(t, "names")):
            try:
                assert read(text) in SPACE_SET
                accepted += 1
            except InvalidArchitecture as error:
                assert len(str(error)) < 300
                refused += 1
    assert refused > 20_000
    assert accepted > 0


SPACE_SET = set(ALL)


@pytest.mark.parametrize("thing", [None, 3, b"|none~0|", ["none"] * 6])
def test_what_is_not_text_is_refused_too(thing):
    with pytest.raises(InvalidArchitecture):
        SPACE.parse(thing)


def test_a_reply_is_read_from_json_fences_and_prose_and_the_last_cell_counts():
    edges = {"0->1": "large", "0->2": "skip", "1->2": "zero", "0->3": "pool", "1->3": "small", "2->3": "large"}
    json_reply = f"```json\n{json.dumps(edges, indent=2)}\n``` I hope this helps."
    assert SPACE.read(json_reply, "words") == SPACE.parse(CELL)
    assert SPACE.read(
        "zero zero zero zero zero zero or rather: large skip zero pool small large.", "words"
    ) == SPACE.parse(CELL)
    assert SPACE.read(
        f"Instead of |none~0|+|none~0|none~1|+|none~0|none~1|none~2| take {CELL}, I think", "names"
    ) == SPACE.parse(CELL)


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        ("I cannot do that.", "no cell found"),
        ("large skip zero", "6 operations expected, 3 found"),
        ('{"0->1": "large", "0->2": "skip"}', "no operation for edge 1->2"),
        (
            '{"0->1": "huge", "0->2": "skip", "1->2": "skip", "0->3": "skip", "1->3": "skip", "2->3": "skip"}',
            "edge 0->1",
        ),
    ],
)
def test_an_unreadable_reply_says_what_is_wrong(reply, reason):
    with pytest.raises(InvalidArchitecture, match=reason):
        SPACE.read(reply, "words")


def test_schema_and_grammar_hold_every_operation_of_the_notation():
    for notation in SPACE.notations.values():
        schema = SPACE.reply_schema(notation)
        assert set(schema["properties"]["0->1"]["enum"]) == set(notation.spelling)
        assert schema.grammar == SPACE.reply_grammar(notation)
        assert all(f'"{word}"' in schema.grammar for word in notation.spelling)


def test_an_unknown_space_or_notation_lists_the_valid_ones():
    with pytest.raises(UnknownName, match="nas201"):
        get_space("nas301")
    with pytest.raises(UnknownName, match="names, words"):
        SPACE.describe("emoji")
