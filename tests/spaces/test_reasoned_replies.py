"""Replies that name a change or a cell on a line of its own, with sentences around it."""

import json
import re
from random import Random

import pytest

from seki_lib.spaces import SPACES, get_space
from seki_lib.spaces.base import SENTENCE, ReplySchema

SPACE = get_space("nas201")
EDITS = list(SPACE.edits(SPACE.random(Random(1)), "edges"))
CHANGE = ReplySchema.reasoned(ReplySchema.one_of(EDITS), "Change", before="Problem", after="Why")


def test_the_grammar_holds_the_lines_and_the_choices_and_no_word_of_the_sentences():
    first, sentence, answer = CHANGE.grammar.split("\n")
    assert first == r'root ::= "Problem: " sentence "\n" "Change: " answer "\n" "Why: " sentence'
    assert sentence == SENTENCE and re.findall(r'"([^"]+)"', answer) == EDITS
    assert list(CHANGE["properties"]) == ["Problem", "Change", "Why"]
    assert CHANGE["properties"]["Change"]["enum"] == EDITS


@pytest.mark.parametrize("form", ["lines", "json"])
def test_the_change_on_its_line_counts_and_not_one_in_the_reason(form):
    reply = {"Problem": f"That is like {EDITS[3]}.", "Change": EDITS[0], "Why": f"It is better than {EDITS[5]}."}
    text = json.dumps(reply) if form == "json" else "\n".join(f"{name}: {line}" for name, line in reply.items())
    assert CHANGE.choice(text) == EDITS[0]
    assert CHANGE.choice(EDITS[2]) == EDITS[2] and CHANGE.choice("none of them") is None


def test_a_cell_on_its_line_is_read():
    cell = SPACE.random(Random(2))
    schema = ReplySchema.reasoned(SPACE.reply_schema("edges"), "New cell", before="Pattern")
    assert SPACE.read(f"Pattern: The best have large on 2->3.\nNew cell: {SPACE.show(cell, 'edges')}", "edges") == cell
    assert schema.grammar.count("answer") == 2 and "word ::= " in schema.grammar
    assert SPACE.read(schema.draw(Random(0), [SPACE.show(cell, "edges")]), "edges") == cell


@pytest.mark.parametrize("name", SPACES)
def test_edges_stand_beside_their_words_where_words_alone_would_leave_them_out(name):
    space = SPACES[name]
    arch = space.random(Random(0))
    shown = space.show(arch, "edges")
    assert re.search("[0-9]", shown) and space.read(shown, "edges") == arch
    assert space.notation("edges").permuted(Random(0)).labelled
