"""The public address of the repository stands wherever readers need it (tools/publish.py)."""

import importlib.util
import json
import shutil
import tomllib
from pathlib import Path

import nbformat
import pytest
import yaml

ROOT = Path(__file__).parents[2]
_spec = importlib.util.spec_from_file_location("publish", ROOT / "tools" / "publish.py")
tool = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(tool)


@pytest.fixture
def checkout(tmp_path):
    for name in ("README.md", "docs/notebooks.md", "CITATION.cff", "pyproject.toml"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        shutil.copy(ROOT / name, tmp_path / name)
    shutil.copytree(ROOT / "notebooks" / "learn", tmp_path / "notebooks" / "learn")
    return tmp_path


def texts(checkout):
    return {path: path.read_text(encoding="utf-8") for path in checkout.rglob("*") if path.is_file()}


@pytest.mark.parametrize(
    "given", ["https://github.com/a-lab/seki", "https://github.com/a-lab/seki.git", " https://github.com/a-lab/seki/"]
)
def test_every_file_that_readers_copy_from_has_the_address(checkout, given):
    changed = tool.publish(checkout, given)
    assert {path.name for path in changed} >= {"README.md", "notebooks.md", "CITATION.cff", "pyproject.toml"}
    readme, notebooks = ((checkout / name).read_text() for name in ("README.md", "docs/notebooks.md"))
    assert "git clone https://github.com/a-lab/seki seki && cd seki\n" in readme
    assert "git clone https://github.com/a-lab/seki seki && pip" in notebooks
    assert "ADDRESS" not in readme + notebooks
    assert readme.splitlines()[2].startswith("[![Open in Colab]") and len(readme.splitlines()) <= 100
    assert yaml.safe_load((checkout / "CITATION.cff").read_text())["repository-code"] == "https://github.com/a-lab/seki"
    project = tomllib.loads((checkout / "pyproject.toml").read_text())["project"]
    assert project["urls"] == {"Repository": "https://github.com/a-lab/seki"} and "scripts" in project


def test_lessons_have_badges_of_their_own_and_first_install_what_is_missing(checkout):
    tool.publish(checkout, "https://github.com/a-lab/seki")
    for path in sorted((checkout / "notebooks" / "learn").glob("*.ipynb")):
        notebook, before = nbformat.read(path, 4), nbformat.read(ROOT / "notebooks" / "learn" / path.name, 4)
        nbformat.validate(notebook)
        head, install, *others = notebook.cells
        assert f"/github/a-lab/seki/blob/main/notebooks/learn/{path.name})" in head.source.splitlines()[2]
        assert install.metadata.tags == ["install"]
        assert others == [cell for cell in before.cells[1:] if "install" not in cell.metadata.get("tags", [])]


def test_the_first_cell_does_nothing_where_the_package_is(checkout, capsys):
    from IPython.core.interactiveshell import InteractiveShell

    tool.publish(checkout, "https://github.com/a-lab/seki")
    lesson = json.loads((checkout / "notebooks" / "learn" / "1_a_search_by_hand.ipynb").read_text())
    result = InteractiveShell.instance().run_cell("".join(lesson["cells"][1]["source"]))
    assert result.success and capsys.readouterr().out == ""


def test_again_changes_nothing_and_another_address_replaces_the_first(checkout):
    tool.publish(checkout, "https://github.com/a-lab/seki")
    once = texts(checkout)
    assert tool.publish(checkout, "https://github.com/a-lab/seki") == [] and texts(checkout) == once
    tool.publish(checkout, "https://github.com/fork/kit")
    assert not [path for path, text in texts(checkout).items() if "a-lab" in text]
    tool.publish(checkout, "https://github.com/a-lab/seki")
    assert texts(checkout) == once


@pytest.mark.parametrize(
    "wrong",
    ["", "ADDRESS", "github.com/a/b", "https://gitlab.com/a/b", "https://github.com/a", "https://github.com/a/b/c"],
)
def test_an_address_that_colab_cannot_open_is_refused_before_anything_is_written(checkout, wrong):
    before = texts(checkout)
    with pytest.raises(ValueError, match="OWNER/NAME"):
        tool.publish(checkout, wrong)
    assert texts(checkout) == before
