"""The course: every lesson and every solution runs, and prints what is kept in git."""

import importlib.util
import re
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("lessons", ROOT / "tools" / "lessons.py")
lessons = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(lessons)

NOTEBOOKS = sorted(lessons.LEARN.rglob("*.ipynb"))
LARGEST = 400_000  # bytes
LONGEST_CELL = 40  # lines


def code_of(notebook):
    return [cell for cell in notebook.cells if cell.cell_type == "code"]


@pytest.mark.parametrize("lesson", lessons.LESSONS, ids=lambda path: path.stem)
def test_a_lesson_and_its_solutions_run_and_print_what_is_kept(lesson, table):
    for path, new in lessons.executed(lesson).items():
        if table.source.name == "nas201_hp200_mean":  # another source of the table holds other accuracies
            assert not lessons.differences(nbformat.read(path, 4), new)


@pytest.mark.parametrize("path", lessons.LESSONS, ids=lambda path: path.stem)
def test_a_lesson_says_first_what_it_takes_and_ends_with_three_exercises(path):
    notebook = nbformat.read(path, 4)
    first, text = notebook.cells[0].source, "\n".join(cell.source for cell in notebook.cells)
    assert first.startswith(f"# {path.stem[0]} · ")
    assert all(f"**{said}:**" in first for said in ("You will build", "Time", "You need"))
    assert re.findall(r"\*\*Exercise (\d)\.\*\*", text) == ["1", "2", "3"]
    assert all(f"def check_{number}(" in text for number in (1, 2, 3))
    assert f"(solutions/{path.name})" in text and (path.parent / "solutions" / path.name).is_file()


def minutes_to_read(path):
    """As docs/notebooks.md counts them: 200 words and 15 lines of code a minute."""
    notebook = nbformat.read(path, 4)
    words = sum(len(cell.source.split()) for cell in notebook.cells if cell.cell_type == "markdown")
    lines = sum(len([line for line in cell.source.splitlines() if line.strip()]) for cell in code_of(notebook))
    return 5 * round((words / 200 + lines / 15) / 5)


def test_the_course_takes_the_time_that_it_says():
    for path in lessons.LESSONS:
        assert f"**Time:** {minutes_to_read(path)} minutes to read;" in nbformat.read(path, 4).cells[0].source, path
    assert 110 <= sum(map(minutes_to_read, lessons.LESSONS)) <= 125  # "two hours in all"


@pytest.mark.parametrize("path", lessons.LESSONS, ids=lambda path: path.stem)
def test_a_solution_passes_the_lessons_own_checks(path):
    kept = nbformat.read(path.parent / "solutions" / path.name, 4)
    printed = "\n".join(output.get("text", "") for cell in code_of(kept) for output in cell.outputs)
    assert [f"Exercise {number} is right" in printed for number in (1, 2, 3)] == [True] * 3
    assert "waits for you" not in printed


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: f"{path.parent.name}-{path.stem}")
def test_a_lesson_is_kept_small_with_its_outputs_and_without_warnings(path):
    notebook = nbformat.read(path, 4)
    nbformat.validate(notebook)
    assert path.stat().st_size <= LARGEST
    assert all(cell.execution_count for cell in code_of(notebook))
    assert all(len(cell.source.splitlines()) <= LONGEST_CELL for cell in code_of(notebook))
    kinds = {kind for cell in code_of(notebook) for kind, _ in lessons.comparable(cell)}
    assert not kinds & {"stderr", "error"}
    text = path.read_text(encoding="utf-8")
    assert not [folder for folder in (str(ROOT), str(Path.home()), "/home/", "/Users/", "/tmp/") if folder in text]


def shown(text, *tags):
    output = nbformat.v4.new_output("stream", text=text)
    cell = nbformat.v4.new_code_cell("", outputs=[output], metadata={"tags": list(tags)})
    return nbformat.v4.new_notebook(cells=[cell])


@pytest.mark.parametrize(
    ("kept", "new", "tags"),
    [
        ("took 3.1 s", "took 14 s", ()),
        ("see /a/b.txt", "see /tmp/x/b.txt", ()),
        ("τ = 0.31 of 7", "τ = -0.02 of 12", ("varies",)),
        ("edge 1", "I would rather", ("live",)),
    ],
)
def test_what_may_differ_is_no_difference(kept, new, tags):
    assert not lessons.differences(shown(kept, *tags), shown(new, *tags))


@pytest.mark.parametrize(
    ("kept", "new", "tags"), [("51 cells", "50 cells", ()), ("τ = 0.3", "tau = 0.3", ("varies",)), ("a", "b", ())]
)
def test_what_must_not_differ_is_seen(kept, new, tags):
    assert lessons.differences(shown(kept, *tags), shown(new, *tags))
    cell = shown("x", "live")
    cell.cells[0].outputs = []
    assert lessons.differences(shown("x", "live"), cell)
