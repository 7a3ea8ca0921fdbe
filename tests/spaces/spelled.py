"""Cells of every space, and a line an edge in the forms that replies have."""

import random

from seki_lib.spaces import SPACES

SIX = ("nas201", "trans101")
GENOTYPES = ("darts", "darts_rnn")


def cells(name, count=3):
    rng = random.Random(11)
    return [SPACES[name].random(rng) for _ in range(count)]


def same(name, arch, read):
    """Whether two architectures are one up to the order of a node's two edges."""
    return SPACES[name].canonical(arch) == SPACES[name].canonical(read) if name == "darts" else arch == read


LINES = ["{a}->{b}: {op}", "- {a} -> {b}: {op}", "{i}. {a}->{b}: {op}", "{i}. Edge {a}→{b}: **{op}** keeps detail.",
         "Edge {i} ({a}->{b}): {op}", "| {i} | {a}->{b} | {op} |", "| {a}→{b} | `{op}` | since none is bad |",
         "edge_{a}_{b}: {op}", '"edge_{a}_{b}": "{op}",', "({a}, {b}): '{op}',", '"({a}, {b})": "{op}",',
         "{a}-{b}: {op}",
         '"{a}-{b}": "{op}",', "{i}. {op}", "- {op}", "{op}", "'{op}',", "{a}->{b} = {op}", "* **{a}->{b}**: {op}",
         '{{"edge": "{a}->{b}", "operation": "{op}"}},', '{{"from": {a}, "to": {b}, "op": "{op}"}},',
         '{{"op": "{op}", "edge": "{a}->{b}"}},', "{op} on edge {a}->{b}", "- edge: {a}->{b}\n  op: {op}",
         r"${a} \rightarrow {b}$: \text{{{op}}}", "{a} to {b}: {op}", "('{op}', {a}),",
         "<tr><td>{a}->{b}</td><td>{op}</td></tr>", "from node {a} to node {b}: {op}", "| {a}->{b} | none | {op} |",
         "- {a}->{b}: skip_connect → {op}", "cell['{a}->{b}'] = '{op}'", "e{a}{b}='{op}',", "{a}->{b}\t{op}",
         '"{a}->{b}": "{op}",  // keep none here',
         '"{a}->{b}": {{"op": "{op}", "why": "it pools, skip is bad"}},',
         "{a} -->|{op}| {b}", "N{a}(({a})) -->|{op}| N{b}", "{a} -- {op} --> {b}",
         '{a} -> {b} [label="{op}"];', 'n{a} -> n{b} [color=red, label="{op}", style=bold];',
         'N{a} -> N{b} [label={op}]']  # fmt: skip
