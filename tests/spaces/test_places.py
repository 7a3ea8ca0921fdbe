"""An operation belongs where the words and numbers beside it say, in whatever order a reply names them."""

import random

import pytest
from spelled import GENOTYPES, LINES, SIX, cells, same

from seki_lib.files.errors import InvalidArchitecture
from seki_lib.spaces import SPACES
from seki_lib.spaces.six_edges import EDGE_NAMES, EDGES

LABELS = ["node{a}->node{b}: {op}", "node_{a} -> node_{b}: {op}", "n{a}->n{b}: {op}", "{b}<-{a}: {op}", "{a}{b}: {op}",
          "e{a}{b}={op}", "edge{a}{b}: {op}", "{a}:{b}: {op}", "{a}/{b}: {op}", "({a})->({b}): {op}",
          "[{a}][{b}] = {op}",
          "cell[{a}][{b}] = '{op}'", "edge {i}: {op}", "edge #{i}: {op}", "e{k}: {op}", "E{i} = {op}", "{k}) {op}",
          "[{i}] {op}", '"edge_{k}": "{op}",', '{{"edge": {k}, "op": "{op}"}},', '{{"op": "{op}", "edge": {k}}},',
          '{{\n "edge": {k},\n "op": "{op}"\n}},', "{{'src': {a}, 'dst': {b}, 'type': '{op}'}},",
          "{{'op': '{op}', 'start': {a}, 'end': {b}}},", "add_edge({a}, {b}, op='{op}')", "Edge({a}, {b}, '{op}')",
          "{op} from {a} to {b}", "{op} ({a}->{b})", "{op} ({a}, {b})", "{op} for edge {i}", "{op} at edge {k}",
          "{op}: {a} → {b}", "{op} — {a}–{b}", "x{b} = {op}(x{a})"]  # fmt: skip
PLACELESS = {"- {op}", "{op}", "'{op}',"}  # an operation a line, in the space's order
OTHER = [
    "node {b} takes node {a} through {op}",
    "out {b}: {op}",
    "{op} {b}",
    "stage {a}.{b}.{i}: {op}",
    "{op} 0.{i}{k}",
]


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("form", LABELS + [form for form in LINES if form not in PLACELESS] + OTHER)
def test_operations_in_any_order_are_read_by_what_stands_beside_them_or_refused_and_never_by_their_place(name, form):
    rng = random.Random(form)
    for arch in cells(name, 6):
        numbered = list(enumerate(zip(EDGES, arch.edges, strict=True), 1))
        rng.shuffle(numbered)
        reply = "\n".join(form.format(i=i, k=i - 1, a=a, b=b, op=op) for i, ((a, b), op) in numbered)
        if form in LABELS:
            assert SPACES[name].read(reply, "names") == arch
            continue
        try:
            assert SPACES[name].read(reply, "names") == arch
        except InvalidArchitecture:
            assert form in OTHER or form == "('{op}', {a}),"  # what leads to which node is not said


NODES_NAMED = ['{{"node": {n}, "op": "{op}", "from": {s}}},', '{{"node": {n}, "from": {s}, "op": "{op}"}},',
               "{n}. {op} {s}", "{n}) {op} {s}", "| {n} | {op} | {s} |", "node {n} <- {op}(node {s})",
               "{n}. {op} from node {s}", "- node: {n}\n  op: {op}\n  from: {s}",
               '{{"op": "{op}", "from": {s}, "to": {n}}},',
               "| {op} | {s} | {n} |", "{op}({s}) -> node {n}"]  # fmt: skip


@pytest.mark.parametrize("form", NODES_NAMED)
@pytest.mark.parametrize("name", GENOTYPES)
def test_nodes_in_any_order_are_read_by_their_names(name, form):
    """All sources are legal for every node, so that a wrong order would be another cell and not an error."""
    rng = random.Random(form)
    for arch in cells(name, 4):
        written = []
        width = 2 if name == "darts" else 1  # edges of a node
        legal = {c: tuple((op, i % width) for i, (op, _) in enumerate(e)) for c, e in arch.cells.items()}
        arch = type(arch)(**legal)
        for cell, edges in arch.cells.items():
            numbered = [(i // width + width, op, s) for i, (op, s) in enumerate(edges)]
            nodes = list(dict.fromkeys(n for n, _, _ in numbered))
            rng.shuffle(nodes)
            lines = [form.format(n=n, op=op, s=s) for node in nodes for n, op, s in numbered if n == node]
            written.append(f"{cell}:\n" + "\n".join(lines))
        assert same(name, arch, SPACES[name].read("\n\n".join(written), "names"))


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("head", ["| {} |", "Order: {}", '{{"edges": ["{}"],', "edges = [({})]"])
def test_operations_stand_below_the_edges_of_a_head_in_its_order(name, head):
    rng = random.Random(head)
    for arch in cells(name):
        order = rng.sample(range(6), 6)
        joined = {"| {} |": " | ", "Order: {}": ", ", "edges = [({})]": "), ("}.get(head, '", "')
        names = [EDGE_NAMES[i].replace("->", ",") if "[(" in head else EDGE_NAMES[i] for i in order]
        operations = joined.replace("), (", ", ").join(arch.edges[i] for i in order)
        assert SPACES[name].read(f"{head.format(joined.join(names))}\n{operations}", "names") == arch


@pytest.mark.parametrize("name", SIX)
def test_of_two_whole_cells_behind_each_other_the_last_counts(name):
    old, new = cells(name, 2)
    assert SPACES[name].read(f"{SPACES[name].show(old, 'edges')}, {SPACES[name].show(new, 'edges')}", "edges") == new


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("at", range(6))
@pytest.mark.parametrize("where", [0, -1])
def test_an_edge_that_a_record_names_twice_is_refused(name, at, where):
    arch = cells(name, 1)[0]
    fields = [f'"{edge}": "{operation}"' for edge, operation in zip(EDGE_NAMES, arch.edges, strict=True)]
    fields.insert(where % 7, f'"{EDGE_NAMES[at]}": "none"')
    with pytest.raises(InvalidArchitecture, match=f"more than one operation for edge {EDGE_NAMES[at]}"):
        SPACES[name].read("{" + ", ".join(fields) + "}", "names")


@pytest.mark.parametrize("head", [
    "Edges 01, 02, 03, 12, 13, 23: ", "In the order (0,1), (0,2), (0,3), (1,2), (1,3) and (2,3):\n",
    "In the order 0->1, 0->2, 0->3, 1->2, 1->3 and finally 2->3:\n", "Edges e01, e02, e03, e12, e13, e23: ",
])  # fmt: skip
def test_operations_in_a_stated_order_are_read_in_that_order(head):
    for arch in cells("nas201", 6):
        in_order = [arch.edges[i] for i in (0, 1, 3, 2, 4, 5)]
        assert SPACES["nas201"].read(head + ", ".join(in_order), "names") == arch
