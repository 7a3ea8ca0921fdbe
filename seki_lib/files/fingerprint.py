"""Which code made a result: a hash of the modules that decide it.

    fingerprint("search.algorithm", "spaces.nas201", "evaluators.tabular")

The modules are those named and all that they import of this package, but for BESIDE and ONLY_WITH. They are parsed
first: comments, docstrings, layout, printed lines and the words of error messages change no hash. The words of an
InvalidArchitecture do, since they go back to the LLM.
"""

import ast
import hashlib
from collections.abc import Iterator
from functools import cache
from pathlib import Path

PACKAGE = Path(__file__).resolve().parents[1]
BESIDE = ("app", "files", "llm", "report", "results", "spaces", "training.checkpoint", "training.machine")
"""Modules and packages that decide no result: they store, fetch, ask and show. An LLM's settings stand in the config.
Of `spaces` only the one that is named decides, and what it imports of its like; its networks are code of `nn`."""

NETWORKS = ("network", "supernet")  # modules in a space's folder

ONLY_WITH = dict.fromkeys(("spaces.doubts", "spaces.places", "spaces.reading", "spaces.thoughts"), "search.replies")
"""What decides a result only together with another module. How a text is read decides a search that reads replies; a
training's config states its cell in canonical form, however it was read."""

SETTINGS = ("profiles", "training.language_protocol", "training.protocol")
"""Modules whose tables of settings count only where a result uses them: each result's own config states its values."""


def fingerprint(*modules: str) -> str:
    """The hash of the code behind these modules or packages, 12 hexadecimal digits. Raises FileNotFoundError."""
    digest = hashlib.sha256()
    for name in sorted(deciding(*modules)):
        digest.update(f"{name} {_hash(_path(name), name in SETTINGS)}\n".encode())
    return digest.hexdigest()[:12]


def deciding(*modules: str) -> set[str]:
    """The named modules, and all that they import of this package, directly or not, but for BESIDE and ONLY_WITH."""
    found: set[str] = set()
    left = list(modules)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left += [imported for imported in _imports(name) if not _is_beside(imported, name)]
    return {name for name in found if name in modules or ONLY_WITH.get(name, name) in found}


def set_aside(folder: Path, code: str) -> Path:
    """Move a finished folder out of the way of what today's code will make; returns where it stays readable.

    `…/default/seed=0` becomes `…/default,code=<code>/seed=0`.
    """
    name, number = f"{folder.parent.name},code={code}", 1
    while (kept := folder.parent.with_name(name + f"-{number}" * (number > 1)) / folder.name).exists():
        number += 1
    kept.parent.mkdir(parents=True, exist_ok=True)
    folder.rename(kept)
    return kept


def _is_beside(name: str, importer: str) -> bool:
    """Whether a module is left out; modules of one package follow each other, but for the package's own list."""
    if name.startswith("spaces.") and name.endswith(NETWORKS):
        return False
    if importer.startswith("spaces.") and importer.endswith(NETWORKS):
        importer = "nn"
    inside = (beside for beside in BESIDE if f"{name}.".startswith(f"{beside}."))
    return any(name == beside or not importer.startswith(f"{beside}.") for beside in inside)


def _path(name: str) -> Path:
    path = PACKAGE.joinpath(*name.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


def _imports(name: str) -> Iterator[str]:
    """The modules of this package that a module or a package's `__init__` imports, wherever in it."""
    path = _path(name)
    folder = path.parent.relative_to(PACKAGE).parts
    for node in ast.walk(_parse(path)):
        if isinstance(node, ast.ImportFrom) and node.level:
            home = [*folder[: len(folder) + 1 - node.level], *(node.module or "").split(".")]
            base = ".".join(filter(None, home))
            for alias in node.names:
                inner = f"{base}.{alias.name}".strip(".")
                if _path(inner).is_file():
                    yield inner
                elif base:
                    yield base


@cache
def _parse(path: Path) -> ast.Module:
    return ast.parse(path.read_bytes())


@cache
def _hash(path: Path, definitions_only: bool) -> str:
    tree = _parse(path)
    if definitions_only:
        tree = ast.Module([node for node in tree.body if isinstance(node, ast.ClassDef | ast.FunctionDef)], [])
    return hashlib.sha256("\n".join(_tokens(tree)).encode()).hexdigest()


def _tokens(node: ast.AST) -> Iterator[str]:
    """A tree as texts that every version of Python spells alike, without what is only said to people."""
    if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call) and _called(node.exc) != "InvalidArchitecture":
        node = ast.Raise(node.exc.func)
    yield type(node).__name__
    for name, value in ast.iter_fields(node):
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, ast.Expr) and (isinstance(item.value, ast.Constant) or _called(item.value) == "print"):
                continue  # a docstring, or a printed line
            if isinstance(item, ast.AST):
                yield f"{name}:"
                yield from _tokens(item)
            elif item is not None:
                yield f"{name}={item!r}"


def _called(node: ast.expr) -> str:
    """The name of the function that is called, if it is a call by name."""
    return node.func.id if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) else ""
