"""What texts advise exists: each `seki …` and each `--option` in errors, docs, README, notebooks and Makefile is tried
against the real command line."""

import ast
import dataclasses
import json
import re
import shlex
from pathlib import Path

import pytest

from seki_lib.app.commands import COMMANDS
from seki_lib.app.data import ACTIONS

ROOT = Path(__file__).parents[2]
OTHERS = {  # options that texts mention of other programs, and of %%prompt
    "--nproc_per_node", "--user", "--no-deps", "--quiet", "--dest", "--snakefile", "--directory", "--configfile",
    "--cores", "--rerun-incomplete", "--rerun-triggers", "--nolock", "--config", "--notebook-dir", "--help",
    "--disable-pip-version-check", "--only-binary", "--no-cache-dir",  # pip's
    "--round", "--save", "--dry-run", "--printshellcmds",
    "--executor", "--jobs", "--latency-wait", "--default-resources", "--verb", "--verbose",  # Snakemake's on a cluster
    "--standalone",  # torchrun's
}  # fmt: skip


def spelt(kind):
    """The options of a command, as the command line spells them."""
    return {"--" + field.name.replace("_", "-") for field in dataclasses.fields(kind)} | {"--help"}


EVERY = {option for kind in COMMANDS.values() for option in spelt(kind)} - {"--name", "--names", "--action"}


def texts():
    """(where, text) of everything that people read."""
    for path in [*sorted((ROOT / "docs").glob("*.md")), ROOT / "README.md", ROOT / "Makefile", ROOT / "Snakefile",
                 ROOT / "results" / "reference" / "README.md"]:  # fmt: skip
        yield path.relative_to(ROOT), path.read_text(encoding="utf-8")
    for path in sorted((ROOT / "notebooks").glob("*.ipynb")):
        for cell in json.loads(path.read_text(encoding="utf-8"))["cells"]:
            yield path.relative_to(ROOT), "".join(cell["source"])
    for path in sorted((ROOT / "seki_lib").rglob("*.py")):
        yield path.relative_to(ROOT), spoken(path)


def spoken(path):
    """Every text in a module's code, an f-string's values as ‹›: errors, notes and docstrings."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    pieces = {id(piece) for node in ast.walk(tree) if isinstance(node, ast.JoinedStr) for piece in ast.walk(node)}
    joined = []
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            joined.append("".join(part.value if isinstance(part, ast.Constant) else "‹›" for part in node.values))
        elif isinstance(node, ast.Constant) and isinstance(node.value, str) and id(node) not in pieces:
            joined.append(node.value)
    return "\n".join(joined)


def commands_in(text):
    """(command, its options) of every `seki <command> …` up to the end of its line, its quotes or its parentheses."""
    for found in re.finditer(r"(?:\bseki|seki_lib\.app\.cli|\{SEKI\}|/seki) +([a-z][a-z-]*)([^\n`;|#)]*)", text):
        rest = re.split(r"(?:, then|\bseki\b|then:)", found[2])[0]
        yield found[1], re.findall(r"(?<![\w-])--[a-z][a-z0-9_-]*", rest)


SAID = [pytest.param(*said, id=f"{number}-{said[0]}") for number, said in enumerate(texts())]


@pytest.mark.parametrize(("where", "text"), SAID)
def test_what_a_text_advises_exists(where, text):
    for command, options in commands_in(text):
        if where.suffix == ".py" and command not in COMMANDS and not options:
            continue  # a sentence about the program, not a command line
        assert command in COMMANDS, f"{where}: seki {command}"
        unknown = set(options) - spelt(COMMANDS[command])
        assert not unknown, f"{where}: seki {command} has no {', '.join(unknown)}"
    if where.suffix == ".py" or "notebooks" in where.parts:
        said = set(re.findall(r"(?<![\w-])--[a-z][a-z0-9_-]+", text)) - OTHERS
        assert not said - EVERY, f"{where}: no command has {', '.join(said - EVERY)}"


def test_a_run_prints_commands_that_can_be_given():
    from seki_lib.app.commands import read
    from seki_lib.runs import RunSpec
    from seki_lib.training.protocol import SupernetSpec

    run = RunSpec("darts", "cifar10", "local:x y", "smoke", 3, "a b", "darts", "accumulated")
    search = read(shlex.split(run.command(Path("/a b/r")))[1:])
    assert search.spec(search.variant) == run and search.results == Path("/a b/r")
    supernet = read(shlex.split(SupernetSpec("darts", "cifar10", "smoke", 3, "darts").command(Path("/a b")))[1:])
    assert (supernet.space, supernet.seed, supernet.kind, supernet.results) == ("darts", 3, "darts", Path("/a b"))


def test_data_actions_that_texts_advise_exist():
    for where, text in texts():
        for action in re.findall(r"\bseki data ([a-z]+)", text):
            assert action in ACTIONS or action == "does", f"{where}: seki data {action}"
