"""What a wheel holds is what the library reads: nothing that lies in the checkout is missed after `pip install`."""

import re
import shlex
import tomllib
from pathlib import Path

import pytest
import yaml

from seki_lib.app.commands import read
from seki_lib.files import checkout
from seki_lib.files.errors import SettingError

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
SETUPTOOLS = PROJECT["tool"]["setuptools"]


def test_every_file_of_the_library_that_is_not_python_is_package_data():
    package = ROOT / "seki_lib"
    packed = {path for pattern in SETUPTOOLS["package-data"]["seki_lib"] for path in package.glob(pattern)}
    there = {path for path in package.rglob("*") if path.is_file() and "__pycache__" not in path.parts}
    missed = {path for path in there - packed if path.suffix != ".py" and path.name != "py.typed"}
    assert not missed and len(packed) > 30
    assert all((folder / "__init__.py").is_file() for folder in {path.parent for path in there if path.suffix == ".py"})


def test_what_the_library_reads_outside_of_itself_lies_at_the_same_place_in_a_wheel():
    files = SETUPTOOLS["data-files"]
    for place, patterns in files.items():
        for pattern in patterns:
            found = list(ROOT.glob(pattern))
            assert found and all(path.parent == ROOT / place.removeprefix("share/seki-kit/") for path in found)
    packed = {path for patterns in files.values() for pattern in patterns for path in ROOT.glob(pattern)}
    read = {  # `OWN / "data" / …`, `OWN / "benchmarks/results" / …`
        re.sub(r'[" ]', "", tail)
        for path in (ROOT / "seki_lib").rglob("*.py")
        for tail in re.findall(r'\bOWN((?: / "[\w/]+")+)', path.read_text(encoding="utf-8"))
    }
    assert read == {"/data", "/data/paper", "/benchmarks/results"}
    assert set((ROOT / "data").glob("*/*")) <= packed


@pytest.mark.parametrize("words", [["lab"], ["notebook", "13_table3_nas201"], ["reproduce", "--profile", "smoke"]])
def test_a_command_that_needs_the_checkout_says_so_in_an_installed_package(words, monkeypatch, tmp_path):
    monkeypatch.setattr(checkout, "IS_CHECKOUT", False)
    options = [] if words[0] != "reproduce" else ["--results", str(tmp_path)]
    with pytest.raises(SettingError, match=r"checkout, and this is an installed package\. Next: clone"):
        read([*words, *options]).run()
    assert not any(tmp_path.iterdir())


def test_conda_and_make_install_the_same():
    """environment.yml names Python and pip alone; pip installs the rest by the words of the Makefile."""
    python, pip, installed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert (python, pip) == (f"python{PROJECT['project']['requires-python']}", "pip")
    [made] = re.findall(r'pip install .* (-c constraints\.txt -e "\.\[all\]")', (ROOT / "Makefile").read_text())
    assert shlex.split(" ".join(installed["pip"])) == shlex.split(made)
