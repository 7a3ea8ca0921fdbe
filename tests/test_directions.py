"""Imports run downwards: a room of the library imports from itself and from the rooms below it."""

import ast

import pytest

from seki_lib.files.fingerprint import PACKAGE

ORDER = (  # from the top
    ("app",),
    ("report",),
    ("runs", "forks", "baseline_runs"),
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


def room_of(path):
    return path.relative_to(PACKAGE).parts[0].removesuffix(".py")


def imports_of(path):
    """The rooms that a module imports from, wherever in it."""
    folder = path.parent.relative_to(PACKAGE).parts
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.ImportFrom) and node.level:
            full = [*folder[: len(folder) + 1 - node.level], *filter(None, (node.module or "").split("."))]
            yield from [full[0]] if full else (alias.name for alias in node.names)


def test_every_module_belongs_to_a_room():
    assert {room_of(path) for path in PACKAGE.rglob("*.py")} - {"__init__"} == LEVEL.keys()


@pytest.mark.parametrize("room", LEVEL)
def test_a_room_imports_from_no_room_above_it(room):
    upward = {
        (room, other)
        for path in PACKAGE.rglob("*.py")
        if room_of(path) == room
        for other in imports_of(path)
        if other in LEVEL and LEVEL[other] < LEVEL[room]
    }
    assert not upward
