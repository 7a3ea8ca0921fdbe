"""A module fits a sitting, a function fits a screen, and a call can be read: the bounds of CONTRIBUTING.md."""

import ast

import pytest

from seki_lib.files.fingerprint import PACKAGE

LINES, OF_A_FUNCTION, PARAMETERS = 400, 60, 8


@pytest.mark.parametrize("path", sorted(PACKAGE.rglob("*.py")), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_no_module_and_no_function_outgrows_its_bound(path):
    text = path.read_text(encoding="utf-8")
    assert len(text.splitlines()) <= LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            given = [arg.arg for arg in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)]
            assert node.end_lineno - node.lineno < OF_A_FUNCTION, f"{node.name} has too many lines"
            assert len([name for name in given if name not in ("self", "cls")]) <= PARAMETERS, f"{node.name}{given}"
