"""What README, docs and notebooks say is so: no placeholder, every shell line can be given, every link leads somewhere.

Shell lines are tried dry: `make -n`, and `seki` by its own parser, which reads the words and runs nothing.
"""

import json
import re
import shlex
import subprocess
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path

import pytest
from test_directions import ORDER

from seki_lib.app.commands import read
from seki_lib.forks import first_questions
from seki_lib.paper import REPORTS, Edition, Search, Supernet, Training, needs_of
from seki_lib.paper.settings import k_xi_settings, lambda_settings
from seki_lib.profiles import PROFILES
from seki_lib.search.repository import HOW

ROOT = Path(__file__).parents[2]
PAGES = sorted(path for pattern in ("*.md", "docs/*.md", "data/**/*.md", "results/reference/*.md",
                                    "benchmarks/results/*.md") for path in ROOT.glob(pattern))  # fmt: skip
NOTEBOOKS = sorted((ROOT / "notebooks").rglob("*.ipynb"))
PLACEHOLDER = re.compile(r"\b(MEASURED|TODO|FIXME|XXX+|TBD|TKTK)\b|\?{3,}|\blorem\b|\bipsum\b", re.IGNORECASE)
FOREIGN = ("conda", "export", "pip", "vllm")  # of other programs: not tried


def text_of(path):
    if path.suffix == ".md":
        return path.read_text(encoding="utf-8")
    cells = json.loads(path.read_text(encoding="utf-8"))["cells"]
    return "\n".join("".join(cell["source"]) for cell in cells)


def name(path):
    return str(path.relative_to(ROOT))


def placeholders(text):
    """Placeholders; "measured" in lower case is a word."""
    return [found[0] for found in PLACEHOLDER.finditer(text) if found[0] != "measured" and found[0] != "Measured"]


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name)
def test_no_page_holds_a_placeholder(path):
    assert not placeholders(text_of(path))


@pytest.mark.parametrize("text", ["MEASURED", "a TODO: b", "takes ??? s", "FIXME", "XXX", "Lorem ipsum", "todo"])
def test_a_placeholder_is_seen(text):
    assert placeholders(text) and not placeholders("[M] measured by this kit: how long?")


@pytest.mark.parametrize("path", NOTEBOOKS, ids=name)
def test_what_a_notebook_imports_is_there(path):
    for module, names in re.findall(r"^ *from (seki_lib[\w.]*) import ([\w, ]+)$", text_of(path), re.MULTILINE):
        for imported in re.sub(r" as \w+", "", names).split(", "):
            there = hasattr(import_module(module), imported) or find_spec(f"{module}.{imported}")
            assert there, f"{module} has no {imported}"


STUMBLES = re.compile(r"\b(at hand|be had|hence|reckon(s|ed)?|thereof|whilst)\b", re.IGNORECASE)


@pytest.mark.parametrize("path", [*PAGES, *NOTEBOOKS], ids=name)
def test_no_page_uses_a_word_that_a_stranger_stumbles_over(path):
    assert not [found[0] for found in STUMBLES.finditer(text_of(path))]


def shell_lines(text):
    """The commands of every shell block, and every `make …` in a sentence; comments and line ends joined."""
    for block in re.findall(r"```(?:sh|bash|console)?\n(.*?)```", text, re.DOTALL):
        for line in block.replace("\\\n", " ").splitlines():
            words = shlex.split(line, comments=True) if re.match(r"[\w./]+[ =]", line) else []
            words = words[next((i for i, word in enumerate(words) if not re.match(r"[A-Z_]+=", word)), len(words)) :]
            if words and re.fullmatch(r"[\w./-]*(seki|make|python|torchrun|conda|export|pip|vllm)", words[0]):
                yield words
    for said in re.findall(r"`(?:[A-Z_]+=\S+ )*(make [^`]+)`", text):
        yield said.split()


LINES = [
    pytest.param(words, id=f"{name(path)}: {shlex.join(words)}")
    for path in PAGES
    for words in shell_lines(text_of(path))
]


@pytest.mark.parametrize("words", LINES)
def test_a_shell_line_can_be_given(words):
    program, *rest = words
    if program.endswith("torchrun"):
        rest = rest[rest.index("-m") :]
    if rest[:2] == ["-m", "seki_lib.app.cli"]:
        program, rest = "seki", rest[2:]
    if program == "make":
        done = subprocess.run(["make", "-n", *rest], cwd=ROOT, capture_output=True, text=True, timeout=60)  # noqa: S607
        assert done.returncode == 0, done.stderr
        settings = {word.partition("=")[0] for word in rest if "=" in word}
        assert all(setting in (ROOT / "Makefile").read_text() for setting in settings)
    elif program.endswith("seki"):
        assert hasattr(read(rest), "run")
    elif program.endswith("python"):
        assert (ROOT / rest[0]).is_file()
    else:
        assert Path(program).name in FOREIGN, f"nobody knows how to try: {shlex.join(words)}"


def test_the_lines_of_the_pages_are_found():
    words = list(shell_lines(text_of(ROOT / "README.md")))
    assert ["make", "reproduce"] in words and ["make", "test"] in words
    words = list(shell_lines(text_of(ROOT / "docs" / "settings.md")))
    assert any(line[0].endswith("torchrun") for line in words)
    assert sum(line[0].endswith("seki") for line in words) > 9


def test_the_readme_is_read_in_minutes():
    text = text_of(ROOT / "README.md")
    assert text.count("\n") <= 100 and "https://arxiv.org/abs/2502.20422" in text


def test_the_python_of_the_readme_runs(embedded, evaluator, capsys):
    [block] = re.findall(r"```python\n(.*?)```", text_of(ROOT / "README.md"), re.DOTALL)
    exec(compile(block, "README.md", "exec"), {})  # noqa: S102
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == 7 and "alpha0" in lines[0] and "knowledge_inspiration" in lines[-1]


@pytest.mark.parametrize("line", ["make reproduse", ".venv/bin/seki serch", ".venv/bin/seki search --sede 1"])
def test_a_line_that_cannot_be_given_is_seen(line):
    with pytest.raises((AssertionError, SystemExit)):
        test_a_shell_line_can_be_given(line.split())


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_link_leads_somewhere(path):
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text_of(path)):
        assert target.startswith("http") or (path.parent / target).exists(), target


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_every_file_that_a_page_names_is_there(path):
    for named in re.findall(r"`((?:seki_lib|tests|benchmarks|data|notebooks|tools|docs)/[\w./-]*)`", text_of(path)):
        assert (ROOT / named).exists(), named


def test_the_rooms_of_the_design_are_those_of_the_library_from_the_top():
    described = re.findall(r"^\| (`.+?) \| .+ \| .+ \|$", text_of(ROOT / "docs" / "design.md"), re.MULTILINE)
    rooms = [tuple(room.rstrip("/") for room in re.findall(r"`([^`]+)`", row)) for row in described]
    assert tuple(rooms) == ORDER


def test_every_word_for_how_a_cell_came_about_is_explained():
    explained = dict(re.findall(r"^\| `(\w+)` \| (.+) \|$", text_of(ROOT / "docs" / "fidelity.md"), re.MULTILINE))
    assert {word: explained.get(word) for word in HOW} == HOW


@pytest.mark.parametrize("profile", PROFILES.values(), ids=lambda profile: profile.name)
def test_forks_never_ask_more_than_separate_searches_and_never_less_than_nothing(profile):
    forked, separate = first_questions([*lambda_settings(profile), *k_xi_settings(profile)], profile)
    assert 0 < forked < separate
    assert "full_grid" not in text_of(ROOT / "notebooks" / "15_table5_lambda.ipynb")  # of smoke it is -32 questions


def table_row(name, report_of):
    """A row of docs/tables.md, as seki_lib.paper declares it."""
    editions = [Edition(profile, "scripted:", profile.seeds, profile.trans101_seeds) for profile in PROFILES.values()]
    report = report_of(editions[-1])
    figures = ", ".join(re.sub(r"^(figure\d+)_.*", r"\1", figure) for figure in report.figures)
    counts = []
    for edition in editions:
        needs = needs_of(edition, name)
        searches = sum(isinstance(need, Search) and need.until is None for need in needs)
        trainings = sum(isinstance(need, Training) for need in needs)
        supernets = sum(isinstance(need, Supernet) for need in needs)
        counts.append(f"{searches} · {trainings} · {supernets}" if needs else "–")
    return f"| {' | '.join([name, report.notebook, ', '.join(report.tables) or '–', figures or '–', *counts])} |"


@pytest.mark.parametrize("name", REPORTS)
def test_the_table_of_tables_says_what_the_paper_module_declares(name):
    row = table_row(name, REPORTS[name])
    assert row in text_of(ROOT / "docs" / "tables.md").splitlines(), f"docs/tables.md lacks: {row}"


def test_the_table_of_tables_has_no_other_rows_and_a_column_for_each_profile():
    lines = text_of(ROOT / "docs" / "tables.md").splitlines()
    assert f"| report | notebook | tables | figures | {' | '.join(PROFILES)} |" in lines
    assert sum(
        " · " in line or line.startswith(("| setup ", "| audit ")) for line in lines if line.startswith("| ")
    ) == len(REPORTS)


def test_the_plan_in_the_docs_is_the_one_that_is_made_today(tmp_path, trans101_table):
    from seki_lib.app.cost import plan

    made = str(plan("paper", "a100", 8, "openai:gpt-4o-mini", tmp_path)).split("\n\n")[1]
    assert made.count("\n") == 9 and made in text_of(ROOT / "docs" / "cost.md")


def test_every_page_and_notebook_is_in_the_navigation_of_the_site():
    navigation = set(re.findall(r": ([\w./-]+\.(?:md|ipynb))$", (ROOT / "mkdocs.yml").read_text(), re.MULTILINE))
    pages = {name(path) for path in [*PAGES, *NOTEBOOKS]}
    assert navigation == pages
