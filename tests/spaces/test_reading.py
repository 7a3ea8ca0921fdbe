"""The last complete architecture of a reply is read in every space, however it is spelled."""

import html
import json
import random
import time

import pytest
from spelled import GENOTYPES, LINES, SIX, cells, same

from seki_lib.files.errors import InvalidArchitecture
from seki_lib.spaces import SPACES
from seki_lib.spaces.base import ReplySchema
from seki_lib.spaces.diagrams import as_edges
from seki_lib.spaces.six_edges import EDGE_NAMES, EDGES


def schema_value(name, arch):
    """The value that the schema of a reply asks for."""
    if name in SIX:
        return dict(zip(EDGE_NAMES, arch.edges, strict=True))
    if name == "darts_rnn":
        return {"recurrent": {str(n): {"operation": op, "from": s} for n, (op, s) in enumerate(arch.recurrent, 1)}}
    sort = lambda edges, i: sorted(edges[i : i + 2], key=lambda edge: edge[1])  # noqa: E731
    return {
        cell: {
            str(2 + i // 2): {"inputs": f"{a[1]},{b[1]}", "first": a[0], "second": b[0]}
            for i in range(0, 8, 2)
            for a, b in [sort(getattr(arch, cell), i)]
        }
        for cell in ("normal", "reduce")
    }


def as_json(name, arch, **options):
    return json.dumps(schema_value(name, arch), **options)


def as_yaml(value, indent=0):
    lines = []
    for key, below in value.items():
        nested = isinstance(below, dict)
        lines.append(" " * indent + f"{key}:" + ("" if nested else f" {below}"))
        lines += [as_yaml(below, indent + 2)] if nested else []
    return "\n".join(lines)


AROUND = {  # how any architecture may be wrapped; %s is what was written
    "bare": "%s",
    "fenced with a language": "Sure:\n```json\n%s\n```",
    "fenced without": "```\n%s\n```\nIt has fewer pools.",
    "bold": "**Answer**: **%s**",
    "backticks": "The answer is `%s`.",
    "prose after": "%s This keeps skip and none, and the normal cell pools less.",
    "prose after a full stop": "%s. I kept the input.",
    "boxed": r"$\boxed{%s}$",
    "after a thought": "<think>I could take OLD but no.</think>%s",
    "after a thought that began before": "OLD is weak.</think>\n%s",
    "after the old cell": "Starting from OLD:\n%s",
    "after the old cell as JSON": "OLDJSON is the old cell.\n%s",
    "before half a cell": "%s\nAnother: HALF",
    "under a key": '{"reply": %s}',
    "many blanks": "\n\n   %s   \n\n",
}
WRITTEN = {  # how any architecture may be written
    "field": lambda name, arch: SPACES[name].format(arch),
    "JSON": as_json,
    "indented JSON": lambda name, arch: as_json(name, arch, indent=4),
    "Python dict": lambda name, arch: str(schema_value(name, arch)),
    "unicode escapes": lambda name, arch: as_json(name, arch).replace(">", "\\u003e"),
    "a comma too many": lambda name, arch: as_json(name, arch, indent=1).replace('"\n', '",\n').replace("}\n", "},\n"),
    "arrows": lambda name, arch: as_json(name, arch).replace("->", "→"),
    "blanks around arrows": lambda name, arch: as_json(name, arch).replace("->", " -> "),
    "HTML": lambda name, arch: html.escape(as_json(name, arch)),
    "smart quotes": lambda name, arch: as_json(name, arch).replace('"', "”"),
    "upper case": lambda name, arch: as_json(name, arch).upper(),
    "YAML": lambda name, arch: as_yaml(schema_value(name, arch)),
    "JSON in JSON": lambda name, arch: json.dumps(as_json(name, arch)),
}


@pytest.mark.parametrize("name", (*SIX, *GENOTYPES))
@pytest.mark.parametrize("around", AROUND)
@pytest.mark.parametrize("written", WRITTEN)
def test_an_architecture_is_read_however_it_is_written_and_wrapped(name, around, written):
    old, *new = cells(name)
    half = as_json(name, old)
    for arch in new:
        reply = AROUND[around].replace("%s", WRITTEN[written](name, arch))
        reply = reply.replace("OLDJSON", half).replace("OLD", SPACES[name].format(old))
        assert same(name, arch, SPACES[name].read(reply.replace("HALF", half[: len(half) // 3]), "names"))


def lines(form, name, arch):
    return "\n".join(
        form.format(i=i, a=a, b=b, op=op) for i, ((a, b), op) in enumerate(zip(EDGES, arch.edges, strict=True), 1)
    )


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("form", LINES)
@pytest.mark.parametrize("around", ["{}", "```\n{}\n```", "[\n{}\n]", "[{}]", "Take 2->3: none.\n\n{}\n\nDone."])
def test_a_line_an_edge_is_read(name, form, around):
    for arch in cells(name):
        assert SPACES[name].read(around.format(lines(form, name, arch)), "names") == arch


def by_target(arch, key):
    """{1: {0: op}, 2: {0: op, 1: op}, …}, with this name of a node."""
    return {key.format(b): {key.format(a): op_of(arch, a, b) for a in range(b)} for b in (1, 2, 3)}


def by_source(arch, key):
    return {key.format(a): {key.format(b): op_of(arch, a, b) for b in range(a + 1, 4)} for a in (0, 1, 2)}


def op_of(arch, a, b):
    return arch.edges[EDGES.index((a, b))]


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("key", ["{}", "node{}", "node_{}", "node {}"])
@pytest.mark.parametrize("nested", [by_target, by_source])
@pytest.mark.parametrize("written", [json.dumps, lambda value: json.dumps(value, indent=2), str])
def test_a_dictionary_of_dictionaries_is_read_by_its_nodes(name, key, nested, written):
    for arch in cells(name):
        assert SPACES[name].read(f"The cell: {written(nested(arch, key))}", "names") == arch


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize(
    ("line", "edge", "between"),
    [
        ("- Node {}: {}", "{op} from node {a}", ", "),
        ("Node {}: {}", "{op} from {a}", " + "),
        ("**Node {} (x)**: {}.", "{op} (from node {a})", ", "),
        ("node{}:\n{}", "  - {op}: {a}", "\n"),
        ('"node_{}": [{}],', '["{op}", {a}]', ", "),
    ],
)
def test_the_edges_of_a_node_are_read_by_their_sources_in_any_order(name, line, edge, between):
    for arch in cells(name):
        for order in (1, -1):
            lines = [
                line.format(b, between.join(edge.format(op=op_of(arch, a, b), a=a) for a in [*range(b)][::order]))
                for b in (1, 2, 3)
            ]
            assert SPACES[name].read("\n".join(lines), "names") == arch


def test_the_digits_of_an_operation_are_no_node():
    nested = '{"1": {"nor_conv_3x3": "node 0"}, "nor_conv_3x3": {"2": "none"}}'
    assert as_edges(nested) == nested


def test_a_dictionary_whose_nodes_lead_both_ways_is_refused():
    wrong = {"1": {"0": "none", "2": "none"}, "2": {"0": "none"}, "3": {"0": "none", "1": "none", "2": "none"}}
    with pytest.raises(InvalidArchitecture):
        SPACES["nas201"].read(json.dumps(wrong), "names")


@pytest.mark.parametrize("name", SIX)
@pytest.mark.parametrize("row", [" ", ", ", "','", '", "', "\t", " | ", "; "])
def test_six_words_in_a_row_are_read(name, row):
    for arch in cells(name):
        for reply in (
            "{}",
            "['{}']",
            "{} I hope that helps",
            "so: {}.\nThe skip_connect is kept, none is not.",
            "Cell 3: {}",
            "{} are 6 operations",
        ):
            assert SPACES[name].read(reply.format(row.join(arch.edges)), "names") == arch


def test_blanks_around_the_bars_of_a_text_of_the_field_do_no_harm():
    (arch,) = cells("nas201", 1)
    text = SPACES["nas201"].format(arch)
    for spaced in (text.replace("|", " | "), text.replace("+", " + "), text.replace("~", " ~ ").replace("|", "| ")):
        assert SPACES["nas201"].read(spaced, "names") == arch


def edges_of(arch):
    if hasattr(arch, "recurrent"):
        return {"recurrent": arch.recurrent}
    return {"normal": arch.normal, "reduce": arch.reduce}


GENOTYPE_FORMS = {
    "lists of pairs": lambda arch: json.dumps(
        {cell: [list(e) for e in edges] for cell, edges in edges_of(arch).items()}
    ),
    "tuples": lambda arch: str(edges_of(arch)),
    "bold headings": lambda arch: "\n".join(f"**{cell}**: {list(edges)}" for cell, edges in edges_of(arch).items()),
    "headings": lambda arch: "\n".join(
        f"### {cell.title()} cell\n" + "\n".join(f"- {op} from {s}" for op, s in edges)
        for cell, edges in edges_of(arch).items()
    ),
    "objects": lambda arch: json.dumps(
        {cell: [{"op": op, "from": s} for op, s in edges] for cell, edges in edges_of(arch).items()}
    ),
    "objects, node first": lambda arch: json.dumps(
        {cell: [{"from": s, "op": op} for op, s in edges] for cell, edges in edges_of(arch).items()}, indent=1
    ),
    "YAML": lambda arch: "\n".join(
        f"{cell}:\n" + "\n".join(f"  - op: {op}\n    from: {s}" for op, s in edges)
        for cell, edges in edges_of(arch).items()
    ),
    "node before operation": lambda arch: json.dumps(
        {c: [[s, op] for op, s in edges] for c, edges in edges_of(arch).items()}
    ),
    "arrows": lambda arch: "\n".join(
        f"{cell}: " + ", ".join(f"{op} <- {s}" for op, s in edges) for cell, edges in edges_of(arch).items()
    ),
    "reduction": lambda arch: str(edges_of(arch)).replace("reduce", "reduction_cell"),
    "a table": lambda arch: "\n".join(
        f"| {cell} | {op} | {s} |" for cell, edges in edges_of(arch).items() for op, s in edges
    ),
}


@pytest.mark.parametrize("name", GENOTYPES)
@pytest.mark.parametrize("form", GENOTYPE_FORMS)
@pytest.mark.parametrize("around", ["{}", "```\n{}\n```", "OLD was weak, so:\n{}", "{}\nI took skip_connect 2 times."])
def test_edges_of_a_genotype_are_read(name, form, around):
    old, *new = cells(name)
    for arch in new:
        reply = around.format(GENOTYPE_FORMS[form](arch)).replace("OLD", SPACES[name].format(old))
        assert SPACES[name].read(reply, "names") == arch


PRINTED = {
    "an assignment": lambda text: f"genotype = {text}",
    "a time stamp": lambda text: f"2018-01-01 12:00:00,123 genotype = {text}\n",
    "a time stamp alone": lambda text: f"11/07 09:02:11 PM {text}",
    "comments": lambda text: text.replace("[(", "[  # step 1\n(").replace("), (", "),  # next\n ("),
    "commas": lambda text: text.replace(")]", "),]").replace("[2, 3, 4, 5]", "[2, 3, 4, 5,]").replace("5])", "5],)"),
    "list of a range": lambda text: text.replace("[2, 3, 4, 5]", "list(range(2, 6))").replace("range(1", "range(1"),
    "tuples": lambda text: text.replace("[2, 3, 4, 5]", "(2, 3, 4, 5)").replace("range(1, 9)", "(1,2,3,4,5,6,7,8)"),
    "a range": lambda text: text.replace("[2, 3, 4, 5]", "range(2, 6)"),
    "tuples of edges": lambda text: text.replace("[(", "((").replace(")]", "))"),
    "double quotes": lambda text: text.replace("'", '"'),
    "lines": lambda text: text.replace(", ", ",\n    "),
}


NODE_FORMS = {
    "nodes as keys, last first": lambda nodes: json.dumps({str(n): pairs for n, pairs in reversed(nodes.items())}),
    "named nodes, last first": lambda nodes: json.dumps({f"node_{n}": p for n, p in reversed(nodes.items())}),
    "lines with reasons": lambda nodes: "\n".join(
        f"- Node {n}: " + ", ".join(f"{op} from {s}" for op, s in pairs) + " since it is good"
        for n, pairs in nodes.items()
    ),
    "arrows": lambda nodes: "\n".join(f"- {s}->{n}: {op}" for n, pairs in nodes.items() for op, s in pairs),
    "a table": lambda nodes: "\n".join(
        f"| {n} | " + " | ".join(f"{op} | {s}" for op, s in pairs) + " |" for n, pairs in nodes.items()
    ),
}


@pytest.mark.parametrize("name", GENOTYPES)
@pytest.mark.parametrize("form", NODE_FORMS)
def test_nodes_of_a_genotype_are_read_by_their_names(name, form):
    per_node = 2 if name == "darts" else 1
    for arch in cells(name):
        written = []
        for cell, edges in edges_of(arch).items():
            starts = range(0, len(edges), per_node)
            nodes = {per_node + i // per_node: [list(e) for e in edges[i : i + per_node]] for i in starts}
            written.append(f"{cell}:\n{NODE_FORMS[form](nodes)}")
        assert SPACES[name].read("\n".join(written), "names") == arch


@pytest.mark.parametrize("name", (*SIX, *GENOTYPES))
@pytest.mark.parametrize("first", [as_json, lambda name, arch: SPACES[name].format(arch)])
@pytest.mark.parametrize("second", [as_json, lambda name, arch: SPACES[name].format(arch)])
def test_the_last_of_two_cells_is_read_and_a_half_one_is_none(name, first, second):
    old, new, _ = cells(name)
    text = second(name, new)
    assert same(name, new, SPACES[name].read(f"Old: {first(name, old)}\nNew: {text}", "names"))
    half = text[: len(text) * 2 // 3]
    assert same(name, old, SPACES[name].read(f"Old: {first(name, old)}\nNew: {half}", "names"))


@pytest.mark.parametrize("name", GENOTYPES)
@pytest.mark.parametrize("form", PRINTED)
def test_genotypes_of_public_logs_are_read_by_parse_and_by_read(name, form):
    for arch in cells(name):
        text = PRINTED[form](SPACES[name].format(arch))
        assert SPACES[name].parse(text) == arch
        assert SPACES[name].read(text, "names") == arch


@pytest.mark.parametrize("name", (*SIX, *GENOTYPES))
@pytest.mark.parametrize(
    "reply",
    ["<think>CELL", "<think>CELL</think>", "CELL</think>", "[THINK]CELL[/THINK]no", "", "skip and none", "pool"],
)
@pytest.mark.parametrize("write", [as_json, lambda name, arch: SPACES[name].format(arch)])
def test_thoughts_and_words_in_prose_are_no_architecture(name, reply, write):
    with pytest.raises(InvalidArchitecture, match="no cell found"):
        SPACES[name].read(reply.replace("CELL", write(name, cells(name)[0])), "names")


@pytest.mark.parametrize("name", (*SIX, *GENOTYPES))
@pytest.mark.parametrize("notation", ["names", "words"])
def test_what_a_permuted_notation_shows_is_read_back(name, notation):
    space = SPACES[name]
    permuted = space.notation(notation).permuted(random.Random(3))
    for arch in cells(name, 50):
        for wrapped in ("{}", "OLD, better: {}, which is all."):
            reply = wrapped.format(space.show(arch, permuted)).replace("OLD", space.show(cells(name)[0], permuted))
            assert space.read(reply, permuted) == arch


@pytest.mark.parametrize(
    ("name", "reply", "message"),
    [
        ("nas201", '{"0->1": "none", "0->2": "none"}', "no operation for edge 1->2"),
        ("nas201", "|none~0|+|none~0|conv_9x9~1|+|none~0|none~1|none~2|", "edge 1->2: operation 'conv_9x9'"),
        ("trans101", '{"0->1": "none", "0->2": "avg_pool_3x3"}', "no operation for edge 1->2"),
        ("darts", "normal=[('max_pool_3x3', 0), ('max_pool_3x3', 1)]", "normal cell: 8 operations expected, 2 found"),
        ("darts_rnn", '{"recurrent": {"1": {"operation": "tanh", "from": 0}, "2": {"operation": "tanh", "from": 0}}}',
         "no operation for node 3"),
    ],
)  # fmt: skip
def test_the_hint_names_what_is_missing(name, reply, message):
    with pytest.raises(InvalidArchitecture, match=message):
        SPACES[name].read(reply, "names")


def test_the_hint_for_a_cut_off_genotype_names_the_cell():
    (arch,) = cells("darts", 1)
    text = SPACES["darts"].format(arch)
    with pytest.raises(InvalidArchitecture, match="reduce"):
        SPACES["darts"].read(text[: text.index("reduce=") + 60], "names")
    with pytest.raises(InvalidArchitecture, match="reduce"):
        SPACES["darts"].read(text[: text.index("reduce=")], "names")


@pytest.mark.parametrize("name", (*SIX, *GENOTYPES))
@pytest.mark.parametrize(
    "reply",
    ["[" * 5000, '{"a":' * 5000 + "1" + "}" * 5000, "\ud800", '"0->1":' * 20_000, "</think>" * 100_000,
     "normal [" * 20_000, "<think>" * 100_000, "0->1: " * 30_000, "first second inputs " * 9_000, "\\u003e" * 20_000,
     "skip_connect 0 " * 9_000, "normal reduce " * 9_000, "node 1: " * 9_000, "concat=[1," * 9_000, "(" * 100_000],
    ids=lambda reply: reply[:9],
)  # fmt: skip
def test_a_deep_or_huge_reply_is_refused_in_a_sentence_and_in_time(name, reply):
    start = time.process_time()
    with pytest.raises(InvalidArchitecture) as error:
        SPACES[name].read(reply, "names")
    assert len(str(error.value)) < 300 and time.process_time() - start < 5


CHOICE = ReplySchema.one_of(["a b", "a c", "a b c d", "edge 1 from none to ('skip', 0)"])


@pytest.mark.parametrize(
    ("reply", "choice"),
    [
        ("a b", "a b"),
        ('{"reply": "a b"}', "a b"),
        ('{"edit": "a c"}', "a c"),
        ('```json\n{"reply": "a b"}\n```', "a b"),
        ("'a b'", "a b"),
        ("“a b”", "a b"),
        ("a b.", "a b"),
        (" A\n B!", "a b"),
        ("**a b**", "a b"),
        ("`a b`", "a b"),
        (r"\boxed{a b}", "a b"),
        ('<think>a c</think>{"reply":"a b"}', "a b"),
        ("a c</think>a b", "a b"),
        ("not a b but a c", "a c"),
        ('{"change": "a b", "alternatives": ["a c"]}', "a b"),
        ("a b, because a c would cut the path.", "a b"),
        ("a b is better than a c.", "a b"),
        ("Best: a b. Worst: a c.", "a b"),
        ("a b. Do not apply a c.", "a b"),
        ("a c would help", "a c"),
        ("Ranking:\n1. a b\n2. a c", None),
        ("I take a b c d now", "a b c d"),
        ("I take a b c", "a b"),
        ('{"reply": "edge 1 from none to (\\"skip\\", 0)"}', "edge 1 from none to ('skip', 0)"),
        ("<think>a b", None),
        ("a bc", None),
        ("aa b", None),
        ("", None),
        ("nothing of it", None),
    ],
)
def test_the_last_choice_that_a_reply_names_is_taken(reply, choice):
    assert CHOICE.choice(reply) == choice
