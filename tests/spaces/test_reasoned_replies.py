"""Replies that name a change or a cell on a line of its own, with sentences around it."""

import json
import re
from random import Random

import pytest

from seki_lib.files.errors import InvalidArchitecture
from seki_lib.spaces import SPACES, get_space
from seki_lib.spaces.base import SENTENCE, ReplySchema

SPACE = get_space("nas201")
EDITS = list(SPACE.edits(SPACE.random(Random(1)), "edges"))
CHANGE = ReplySchema.reasoned(ReplySchema.one_of(EDITS), "Problem", "Remedy", "Change")


def test_the_grammar_holds_the_lines_and_the_choices_and_no_word_of_the_sentences():
    first, sentence, answer = CHANGE.grammar.split("\n")
    assert first == r'root ::= "Problem: " sentence "\n" "Remedy: " sentence "\n" "Change: " answer'
    assert sentence == SENTENCE and re.findall(r'"([^"]+)"', answer) == EDITS
    assert list(CHANGE["properties"]) == ["Problem", "Remedy", "Change"]
    assert CHANGE["properties"]["Change"]["enum"] == EDITS


@pytest.mark.parametrize("form", ["lines", "json"])
def test_the_change_on_its_line_counts_and_not_one_in_the_sentences(form):
    reply = {"Change": EDITS[0], "Problem": f"That is like {EDITS[3]}.", "Remedy": f"It is better than {EDITS[5]}."}
    text = json.dumps(reply) if form == "json" else "\n".join(f"{name}: {line}" for name, line in reply.items())
    assert CHANGE.choice(text) == EDITS[0]
    assert CHANGE.choice(EDITS[2]) == EDITS[2] and CHANGE.choice("none of them") is None


@pytest.mark.parametrize(
    "spelled", ["Change: {}", "change: {}", "**Change:** {}", "## Change\n{}", '{{"Change": "{}"}}']
)
def test_of_several_answers_the_last_counts(spelled):
    reply = "\n".join(
        [spelled.format(EDITS[0]), "I would rather change it once more.", spelled.format(EDITS[4]), "Done."]
    )
    assert CHANGE.choice(reply) == EDITS[4]


def test_a_cell_on_its_line_is_read():
    cell = SPACE.random(Random(2))
    schema = ReplySchema.reasoned(SPACE.reply_schema("edges"), "Pattern", "New cell")
    assert SPACE.read(f"Pattern: The best have large on 2->3.\nNew cell: {SPACE.show(cell, 'edges')}", "edges") == cell
    assert schema.grammar.count("answer") == 2 and "word ::= " in schema.grammar
    assert SPACE.read(schema.draw(Random(0), [SPACE.show(cell, "edges")]), "edges") == cell


@pytest.mark.parametrize("notation", ["names", "words", "edges"])
@pytest.mark.parametrize("name", SPACES)
def test_a_cell_is_changed_by_what_a_reply_names_and_by_nothing_else(name, notation):
    space, rng = SPACES[name], Random(3)
    arch = space.random(rng)
    first, child = rng.choice(list(space.edits(arch, notation).items()))
    schema = space.change_schema(arch, notation)
    assert space.changed(arch, schema.draw(Random(1), []), notation) in space.neighbors(arch)
    assert space.changed(arch, f"{first}", notation) == child
    assert space.changed(arch, json.dumps([first]), notation) == child
    assert space.changed(arch, space.show(child, notation), notation) == child  # the whole cell is an answer too
    with pytest.raises(InvalidArchitecture):
        space.changed(arch, "as it is", notation)


def test_several_changes_are_made_one_after_another_and_two_of_one_edge_are_refused():
    arch = SPACE.random(Random(1))
    one, two = EDITS[0], EDITS[-1]
    both = SPACE.changed(arch, f"{one}; {two}", "edges")
    assert sum(a != b for a, b in zip(arch.edges, both.edges, strict=True)) == 2
    with pytest.raises(InvalidArchitecture, match="does not fit"):
        SPACE.changed(arch, f"{EDITS[0]}; {EDITS[1]}", "edges")


@pytest.mark.parametrize("notation", ["names", "words", "edges"])
@pytest.mark.parametrize(
    ("reply", "made"),
    [
        ("Not {0}. I choose {1}", [1]),
        ("{1}, not {0}.", [1]),
        ("{1} (rather than {0})", [1]),
        ("{1}. I would not change {0}.", [1]),
        ("Best: {1}\nAlternative: {0}", [1]),
        ('{{"change": "{1}", "rejected": "{0}"}}', [1]),
        ("I first thought of {0}, but that pools too much.\n\nChange: {1}", [1]),
        ("{0}; {1}", [0, 1]),
        ("1. {0}\n2. {1}", [0, 1]),
        ("- {0} (it keeps detail)\n- {1} (it pools less)", [0, 1]),
        ("Change 1: {0}, since it is cheap.\nChange 2: {1}, since it is wide.", [0, 1]),
        ("{0} and then {1}", [0, 1]),
        ('{{"changes": ["{0}", "{1}"]}}', [0, 1]),
        ("<think>{0}</think>{1}", [1]),
    ],
)
def test_what_a_reply_takes_back_is_not_made(reply, made, notation):
    arch = SPACE.random(Random(1))
    edits = list(SPACE.edits(arch, notation))
    offered = [edits[0], edits[-1]]
    expected = SPACE.changed(arch, "; ".join(offered[i] for i in made), notation)
    assert SPACE.changed(arch, reply.format(*offered), notation) == expected


@pytest.mark.parametrize("signs", [("edge ", "Edge #"), (" from", ": from"), ("edge 1", "**edge 1**"), (" fr", " (fr")])
def test_a_change_is_read_with_the_signs_that_replies_put_between_its_words(signs):
    arch = SPACE.random(Random(1))
    change, child = next(iter(SPACE.edits(arch, "words").items()))
    assert SPACE.changed(arch, change.replace(*signs), "words") == child
    beside, same_child = next(iter(SPACE.edits(arch, "edges").items()))
    assert SPACE.changed(arch, beside.replace(",", ":"), "edges") == same_child


@pytest.mark.parametrize("name", SPACES)
def test_edges_stand_beside_their_words_where_words_alone_would_leave_them_out(name):
    space = SPACES[name]
    arch = space.random(Random(0))
    shown = space.show(arch, "edges")
    assert re.search("[0-9]", shown) and space.read(shown, "edges") == arch
    assert space.notation("edges").permuted(Random(0)).labelled


@pytest.mark.parametrize(
    "reply",
    ["First {a}. Second {b}.", "{a} plus {b}", "Both {a} as well as {b}", "{a} (keeps detail), and {b} (pools)."],
)
def test_two_wanted_changes_are_both_made(reply):
    space = get_space("nas201")
    cell = space.random(Random(5))
    a, b = (list(space.edits(cell, "words"))[i] for i in (0, 14))
    wanted = space.edits(space.edits(cell, "words")[a], "words")[b]
    assert space.changed(cell, reply.format(a=a, b=b), "words") == wanted
