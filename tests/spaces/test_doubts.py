"""A reply that doubts, strikes out or corrects its cell, or quotes the cells that it was shown."""

from contextlib import suppress

import pytest
from spelled import GENOTYPES, SIX, cells, same

from seki_lib.files.errors import InvalidArchitecture
from seki_lib.spaces import SPACES
from seki_lib.spaces.six_edges import EDGES

EVERY = (*SIX, *GENOTYPES)


def lines(arch, line="{a}->{b}: {op}"):
    return "\n".join(line.format(a=a, b=b, op=op) for (a, b), op in zip(EDGES, arch.edges, strict=True))


def shown(name, arch):
    return SPACES[name].show(arch, "names")


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("quote", [
    "New cell: {new}\n\nThe old cell was {old}.", "{new}\n\nCompared with the parent `{old}` it is deeper.",
    "```\n{new}\n```\nOriginal:\n```\n{old}\n```", "| proposed | {new} |\n| given | {old} |",
    "It was {old}. Now: {new}", "{old} -> {new} (was {old})",
])  # fmt: skip
def test_of_several_cells_the_last_one_that_was_not_shown_counts(name, quote):
    """Wherever a reply quotes what it was shown, and whatever it calls it."""
    new, old = cells(name, 2)
    reply = quote.format(new=shown(name, new), old=shown(name, old))
    assert same(name, new, SPACES[name].read(reply, "names", lambda arch: arch == old))


@pytest.mark.parametrize("name", EVERY)
def test_a_reply_of_known_cells_alone_gives_the_last_of_them(name):
    one, other = cells(name, 2)
    reply = f"{shown(name, one)}\n{shown(name, other)}"
    assert same(name, other, SPACES[name].read(reply, "names", lambda arch: True))


@pytest.mark.parametrize("name", SIX)
def test_an_answer_that_cannot_be_read_is_not_replaced_by_the_cell_that_was_shown_before_it(name):
    old, new = cells(name, 2)
    broken = shown(name, new).replace("+", "+|nor_conv_9x9~0|+", 1) if name == "nas201" else "64-41414-9_99_999"
    with pytest.raises(InvalidArchitecture):
        SPACES[name].read(f"Old: {shown(name, old)}\nNew: {broken}", "names", lambda arch: arch == old)


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("word", [
    "Actually,", "Wait,", "Correction:", "Sorry,", "On second thought,", "Scratch that:", "My mistake:", "Instead,",
])  # fmt: skip
def test_a_cell_that_is_corrected_in_words_is_asked_for_again(name, word):
    (arch,) = cells(name, 1)
    with pytest.raises(InvalidArchitecture, match="corrects its cell in words: write the whole corrected cell"):
        SPACES[name].read(f"{lines(arch)}\n\n{word} edge 0->1 should be {arch.edges[3]}.", "names")
    corrected = f"{word} here it is again:\n{lines(arch)}"
    assert SPACES[name].read(f"{lines(cells(name, 2)[1])}\n\n{corrected}", "names") == arch


@pytest.mark.parametrize("words", [
    "I use a convolution instead of skip_connect on edge 0->1.", "Edge 0->1 keeps detail, 1->3 pools.",
    "This actually helps.", "On second thought it is good as it is.",
])  # fmt: skip
def test_an_explanation_behind_a_cell_corrects_nothing(words):
    (arch,) = cells("nas201", 1)
    assert SPACES["nas201"].read(f"{lines(arch)}\n\n{words}", "names") == arch


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("struck", ["~~{old}~~ {op}", "<del>{old}</del> {op}", "<s>{old}</s> {op}", "{op} ~~{old}~~"])
def test_what_is_struck_out_is_not_read(name, struck):
    old, new = cells(name, 2)
    reply = "\n".join(
        f"{a}->{b}: {struck.format(old=before, op=op)}"
        for (a, b), before, op in zip(EDGES, old.edges, new.edges, strict=True)
    )
    assert SPACES[name].read(reply, "names") == new
    assert SPACES[name].read(f"~~{shown(name, old)}~~\n{lines(new)}", "names") == new
    assert SPACES[name].read(f"{lines(new)}\n~~{shown(name, old)}~~", "names") == new


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize(
    "head", ["| edge | new | old |", "| edge | after | before |", "|Edge|Proposed op|Previous op|"]
)
def test_a_table_with_the_new_operations_first_is_asked_for_again(name, head):
    old, new = cells(name, 2)
    rows = "\n".join(f"| {a}->{b} | {op} | {before} |"
                     for (a, b), op, before in zip(EDGES, new.edges, old.edges, strict=True))  # fmt: skip
    with pytest.raises(InvalidArchitecture, match="does not call the last one new"):
        SPACES[name].read(f"{head}\n|---|---|---|\n{rows}", "names")
    assert SPACES[name].read(f"{head}\n|---|---|---|\n{rows}\n\nThe cell:\n\n{lines(new)}", "names") == new
    swapped = "\n".join(f"| {a}->{b} | {before} | {op} |"
                        for (a, b), op, before in zip(EDGES, new.edges, old.edges, strict=True))  # fmt: skip
    assert SPACES[name].read(f"| edge | old | new |\n|---|---|---|\n{swapped}", "names") == new


@pytest.mark.parametrize("name", SIX)
def test_operations_named_in_a_sentence_are_no_cell_beside_one_with_edges(name):
    new, other = cells(name, 2)
    sentence = f"I looked at {', '.join(other.edges)} too, and left them."
    assert SPACES[name].read(f"{lines(new)}\n\n{sentence}", "names") == new
    assert SPACES[name].read(f"{lines(new)}\n\nThe final cell: {', '.join(other.edges)}", "names") == other


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("form", ["[[{}, {}, {}], [{}, {}], [{}]]", "{}, {}, {}\n{}, {}\n{}", "{} {} {}; {} {}; {}"])
def test_groups_of_three_two_and_one_do_not_say_which_edge_is_meant(name, form):
    """Edges lead to a node in groups of one, two and three."""
    (arch,) = cells(name, 1)
    with pytest.raises(InvalidArchitecture, match="does not say which of them belongs where"):
        SPACES[name].read(form.format(*arch.edges), "names")
    assert SPACES[name].read("[[{}], [{}, {}], [{}, {}, {}]]".format(*arch.edges), "names") == arch
    assert SPACES[name].read("{}, {}, {},\n{}, {}, {}".format(*arch.edges), "names") == arch


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("line", [
    "| {a}->{b} | {op} | skip_connect would add nothing |", "{a}->{b}: {op} | none would cut the path",
    "{a}->{b}: {old} becomes {op}", "{a}->{b}: {old} replaced by {op}", "{a}->{b}: {old} > {op}",
    "{a}->{b}: {old} -> {op} for capacity",
])  # fmt: skip
def test_a_reason_beside_an_operation_is_none_and_an_old_one_gives_way(name, line):
    old, new = cells(name, 2)
    rows = [line.format(a=a, b=b, op=op, old=before)
            for (a, b), op, before in zip(EDGES, new.edges, old.edges, strict=True)]  # fmt: skip
    head = ["| edge | operation | reason |", "|---|---|---|"] if rows[0].startswith("|") else []
    assert SPACES[name].read("\n".join([*head, *rows]), "names") == new


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("line", [
    "| edge | choice | alternative |\n|---|---|---|\n| {a}->{b} | {op} | {old} |",
    "| edge | operation | replaces |\n|---|---|---|\n| {a}->{b} | {op} | {old} |",
    "{a}->{b}: {op} -> none of the others fits", "{a}->{b}: {op} -> nor_conv_3x3 gives more",
    "{a}->{b}: {op} -> Nor-Conv 3x3 gives more",
])  # fmt: skip
def test_two_operations_of_an_edge_of_which_none_is_called_new_are_asked_for_again(name, line):
    old, new = cells(name, 2)
    head, _, row = line.rpartition("\n")
    rows = [row.format(a=a, b=b, op=op, old=before)
            for (a, b), op, before in zip(EDGES, new.edges, old.edges, strict=True)]  # fmt: skip
    with pytest.raises(InvalidArchitecture, match="two operations for an edge"):
        SPACES[name].read("\n".join([head, *rows]), "names")


@pytest.mark.parametrize("line", [
    "node {n}: {a} from {i} -> {b} from {j}", "node {n}: ({a}, {i}) -> ({b}, {j})", "node {n}: {a}({i}) -> {b}({j})",
    "node {n}: {a} from {i} becomes {b} from {j}", "node {n}: {a} from {i}, now {b} from {j}",
])  # fmt: skip
def test_of_an_old_and_a_new_operation_of_a_node_the_new_one_counts_with_its_own_source(line):
    old, new = cells("darts_rnn", 2)
    pairs = enumerate(zip(old.recurrent, new.recurrent, strict=True), start=1)
    text = "\n".join(line.format(n=n, a=a, i=i, b=b, j=j) for n, ((a, i), (b, j)) in pairs)
    assert same("darts_rnn", new, SPACES["darts_rnn"].read(text, "names"))


@pytest.mark.parametrize("text", [
    "normal: {old_n} -> {new_n}\nreduce: {old_r} -> {new_r}",
    "Old normal: {old_n}\nNew normal: {new_n}\nOld reduce: {old_r}\nNew reduce: {new_r}",
    "New normal: {new_n}\nOld normal: {old_n}\nNew reduce: {new_r}\nOld reduce: {old_r}",
])  # fmt: skip
def test_the_new_cell_of_one_kind_is_never_joined_with_the_old_one_of_the_other(text):
    old, new = cells("darts", 2)
    reply = text.format(old_n=list(old.normal), old_r=list(old.reduce), new_n=list(new.normal), new_r=list(new.reduce))
    with pytest.raises(InvalidArchitecture):  # it is asked again
        SPACES["darts"].read(reply, "names", lambda arch: arch == old)


@pytest.mark.parametrize("heads", [
    ("Normal cell (shares much with the reduce cell)", "Reduce cell (unlike the normal cell)"),
    ("Normal cell (to reduce parameters)", "Reduce cell (differs from the normal cell)"),
])  # fmt: skip
def test_a_remark_in_brackets_is_no_heading(heads):
    (new,) = cells("darts", 1)
    text = f"{heads[0]}: {list(new.normal)}\n{heads[1]}: {list(new.reduce)}"
    assert same("darts", new, SPACES["darts"].read(text, "names"))


@pytest.mark.parametrize("name", EVERY)
@pytest.mark.parametrize("reply", [
    "{new}, not {other}", "My cell: {new}\nAvoid cells such as {other}.", "{new} is better than {other}",
    "{new}\n\nFor comparison, a deeper cell would be {other}, which is worse.",
    "Option A: {new}\nOption B: {other}\n\nI recommend option A.",
])  # fmt: skip
def test_a_cell_that_a_reply_rejects_is_not_taken(name, reply):
    new, other = cells(name, 2)
    with pytest.raises(InvalidArchitecture, match="rejects one"):
        SPACES[name].read(reply.format(new=shown(name, new), other=shown(name, other)), "names")


@pytest.mark.parametrize("said", [
    "Correction: edge 1 is none.", "Actually make the first edge none.", "Edit: edge 0->1 is none.",
    "Update: 0->1: none", "Apologies, edge 0->1 must be none.", "No - edge 0->1: none.",
    "Then change edge 0->1 to none.", "Except that 0->1 is none.",
])  # fmt: skip
def test_a_correction_in_words_is_asked_for_as_a_whole_cell(said):
    (new,) = cells("nas201", 1)
    with pytest.raises(InvalidArchitecture, match="corrects its cell"):
        SPACES["nas201"].read(f"{shown('nas201', new)}\n\n{said}", "names")


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize(("line", "between"), [
    ("### Edge {a} -> {b}\n**Operation:** `{op}`\n**Reason:** better than {old}.", "\n\n"),
    ("Edge {a}->{b}: {op}, better than {old}", "\n"), ("Edge {a}->{b} = {op} (more capacity than {old}).", "\n"),
    ("Edge {a}->{b} should be {op}, better than {old}.", " "), ("edge {a}->{b}: {op} replaces {old}", "; "),
])  # fmt: skip
def test_what_ends_one_edges_reason_is_not_the_next_edges_operation(name, line, between):
    arch, other = cells(name, 2)
    each = zip(EDGES, arch.edges, other.edges, strict=True)
    reply = between.join(line.format(a=a, b=b, op=op, old=old) for (a, b), op, old in each)
    assert SPACES[name].read(reply, "names") == arch


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("line", [
    "Replace {old} on {a}->{b} with {op}", "Use {op} instead of {old} on edge {a}->{b}.", "{a}->{b}: {old}, {op}",
    "{a}->{b}: {old} is weak, so {op}", "{a}->{b}: {old} limits capacity. Use {op}.", "{a}->{b}: {old}/{op}",
    "{a}->{b}: {old} or {op}", "{a}->{b} ({old}): {op}", "{a}->{b}: ❌ {old} ✅ {op}",
    "On {a}->{b}, {old} was too weak: {op}",
    "{a}->{b}: {old} ⟹ {op}", "{a}->{b}: {old} ➡ {op}", "{a}->{b}: {old} \\Rightarrow {op}",
])  # fmt: skip
def test_of_two_operations_of_an_edge_the_old_one_is_never_read(name, line):
    new, old = cells(name, 2)
    each = zip(EDGES, new.edges, old.edges, strict=True)
    reply = "\n".join(line.format(a=a, b=b, op=op, old=before) for (a, b), op, before in each)
    with suppress(InvalidArchitecture):  # which of the two is meant is asked again
        assert SPACES[name].read(reply, "names") == new


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize(
    "written", [shown, lambda name, arch: lines(arch), lambda name, arch: lines(arch, '- "{a}->{b}": {op}')]
)
@pytest.mark.parametrize("reply", [
    "Final answer:\n{x}\n\nI do not use the following cell:\n{y}", "{x}\n\nRejected:\n{y}", "New:\n{x}\nBefore:\n{y}",
    "Candidate 1:\n{x}\nCandidate 2:\n{y}\n\nFinal answer: candidate 1", "Either\n{x}\nor\n{y}", "{x}\nParent:\n{y}",
    "Final answer:\n{x}\n\nI also considered\n{y}\nbut it has too many pools.", "使用\n{x}\n，而不是\n{y}",
])  # fmt: skip
def test_of_two_new_cells_one_that_is_rejected_is_no_answer(name, written, reply):
    x, y = cells(name, 2)
    with pytest.raises(InvalidArchitecture, match="write the new cell alone"):
        SPACES[name].read(reply.replace("{x}", written(name, x)).replace("{y}", written(name, y)), "names")


@pytest.mark.parametrize("change", [
    "with 0->1 replaced by {op}", "and replace edge 0->1 by {op}", "but with 0->1 {op}", "\ncell['0->1'] = '{op}'",
])  # fmt: skip
def test_a_cell_that_is_changed_behind_it_in_words_is_asked_for_again(change):
    one, other = cells("nas201", 2)
    with pytest.raises(InvalidArchitecture, match="write the whole corrected cell"):
        SPACES["nas201"].read(f"{shown('nas201', one)} {change.format(op=other.edges[0])}", "names")


def test_what_a_pattern_says_of_edges_before_the_cell_is_no_doubt_about_it():
    reply = "Pattern: Skip-1 and 3-1 (skip and small) in the first row.\nNew cell: 0->1 skip, 0->2 skip, 1->2 small, "
    cell = SPACES["nas201"].read(reply + "0->3 small, 1->3 large, 2->3 skip", "edges")
    assert cell.edges == (
        "skip_connect",
        "skip_connect",
        "nor_conv_1x1",
        "nor_conv_1x1",
        "nor_conv_3x3",
        "skip_connect",
    )
