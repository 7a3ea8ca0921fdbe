"""The course in `notebooks/learn`: run its notebooks anew, and compare what they print with what is kept.

    python tools/lessons.py                        # run all of them and keep the new outputs
    python tools/lessons.py 3_a_supernet_by_hand   # only the lesson of this name, and its solutions

Outputs are kept in git, so that the course can be read where nothing runs. A test runs every notebook and compares.
Times and paths differ from run to run and are left out. Two tags of a cell say what else may differ on another machine:
`varies`, the numbers (weights were trained here), and `live`, all words (a model or a person was asked here).
"""

import re
import sys
from pathlib import Path
from typing import Any

import nbformat
from nbclient import NotebookClient

LEARN = Path(__file__).parents[1] / "notebooks" / "learn"
LESSONS = sorted(LEARN.glob("[0-9]*.ipynb"))
LONGEST = 1200  # seconds of one cell
TIME = r"\d[\d.,]* ?(?:ms|µs|s|seconds?|minutes?|min|h|hours?)\b|\d+:\d\d(?::\d\d)?"
VOLATILE = {TIME: "‹time›", r"(?<![\w.|~<])/(?:[\w.=,-]+/)+[\w.=,-]*": "‹path›", r"0x[0-9a-f]+": "‹address›"}
NUMBER = r"[-+−]?\d[\d.,]*"


def executed(lesson: Path) -> dict[Path, Any]:
    """A lesson and its solutions with the outputs of a new run, in one process: the solutions use the lesson's names.

    Raises CellExecutionError.
    """
    paths = [lesson, lesson.parent / "solutions" / lesson.name]
    notebooks = [nbformat.read(path, as_version=4) for path in paths]
    both = nbformat.v4.new_notebook(cells=[cell for notebook in notebooks for cell in notebook.cells])
    both.metadata = notebooks[0].metadata
    where = {"metadata": {"path": str(lesson.parent)}}
    NotebookClient(both, timeout=LONGEST, coalesce_streams=True, resources=where).execute()
    for notebook in notebooks:
        notebook.cells, both.cells = both.cells[: len(notebook.cells)], both.cells[len(notebook.cells) :]
        notebook.metadata.language_info = {"name": "python"}
        for number, cell in enumerate((cell for cell in notebook.cells if cell.cell_type == "code"), start=1):
            cell.metadata.pop("execution", None)
            cell.execution_count = number
            for output in cell.outputs:
                output.get("metadata", {}).clear()
                if "execution_count" in output:
                    output.execution_count = number
    return dict(zip(paths, notebooks, strict=True))


def comparable(cell: Any) -> list[tuple[str, str]]:
    """(kind, text) of each output of a cell, without what may differ. Pictures and tables in HTML have no text."""
    tags = cell.metadata.get("tags", [])
    found: dict[str, str] = {}
    shown: list[tuple[str, str]] = []
    for output in cell.outputs:
        if output.output_type == "stream":  # a stream may come in pieces
            found[output.name] = found.get(output.name, "") + output.text
        elif output.output_type == "error":
            shown.append(("error", output.evalue))
        else:
            shown += [(kind, "" if kind != "text/plain" or "image/png" in output.data else output.data[kind])
                      for kind in sorted(output.data)]  # fmt: skip
    return [(kind, "" if "live" in tags else normal(text, "varies" in tags)) for kind, text in [*found.items(), *shown]]


def normal(text: str, varies: bool = False) -> str:
    """The text without times, paths and addresses; where it varies, without any number and however wide columns are."""
    for pattern, mark in VOLATILE.items():
        text = re.sub(pattern, mark, text)
    if varies:
        text = re.sub(r"\s+", " ", re.sub(NUMBER, "‹number›", text))
    return text.strip()


def differences(kept: Any, new: Any) -> list[str]:
    """A sentence for each cell whose outputs are not those that are kept."""
    found = []
    for old, cell in zip(kept.cells, new.cells, strict=True):
        if cell.cell_type == "code" and (was := comparable(old)) != (now := comparable(cell)):
            found.append(f"cell {cell.id}:\n  kept: {was}\n  new:  {now}")
    return found


def main(names: list[str]) -> None:
    """Run the lessons of these names, or all, and write them and their solutions with their new outputs."""
    for lesson in LESSONS:
        if not names or lesson.stem in names:
            for path, notebook in executed(lesson).items():
                nbformat.write(notebook, path)
                print(f"{path.relative_to(LEARN)}: {path.stat().st_size / 1000:.0f} kB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
