"""Imports run downwards: a room of the library imports from itself and from the rooms below it."""

import ast
import re

import pytest

from seki_lib.files.fingerprint import PACKAGE

ORDER = (  # from the top
    ("app",),
    ("report",),
    ("runs", "forks", "baseline_runs"),
    ("loggers",),
    ("paper",),
    ("search",),
    ("evaluators",),
    ("training",),
    ("results",),
    ("datasets",),
    ("nn",),
    ("prompts",),
    ("llm",),
    ("spaces",),
    ("profiles",),
    ("files",),
)
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms}


NETWORKS = ("network", "supernet")  # of a space's folder: built of what `nn` holds, and loaded by nn.build alone


def room_of(module):
    """The room of a module, given as the parts of its name in the library."""
    return "nn" if module[0] == "spaces" and module[-1] in NETWORKS else module[0]


def module_of(path):
    return path.relative_to(PACKAGE).with_suffix("").parts


def imports_of(path):
    """The rooms that a module imports from, wherever in it."""
    folder = path.parent.relative_to(PACKAGE).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            full = [*folder[: len(folder) + 1 - node.level], *filter(None, (node.module or "").split("."))]
            yield from (room_of([*full, alias.name]) for alias in node.names)
            if full:
                yield room_of(full)


def test_every_module_belongs_to_a_room():
    assert {room_of(module_of(path)) for path in PACKAGE.rglob("*.py")} - {"__init__"} == LEVEL.keys()


@pytest.mark.parametrize("room", LEVEL)
def test_a_room_imports_from_no_room_above_it(room):
    upward = {
        (room, other)
        for path in PACKAGE.rglob("*.py")
        if room_of(module_of(path)) == room
        for other in imports_of(path)
        if other in LEVEL and LEVEL[other] < LEVEL[room]
    }
    assert not upward


def test_only_nn_loads_the_network_of_a_space():
    """So all of `spaces` but the networks imports without torch."""
    for path in PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if module_of(path) != ("nn", "build") and room_of(module_of(path)) != "nn":
            assert not re.search(r"spaces\.\w+\.(network|supernet)\b|spaces\.\w+ import (network|supernet)\b", text), (
                path
            )
