"""What a wheel holds is what the library reads: nothing that lies in the checkout is missed after `pip install`."""

import ast
import re
import shlex
import sys
import tomllib
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
import yaml

from seki_lib.app.commands import read
from seki_lib.files import checkout
from seki_lib.files.errors import SettingError
from seki_lib.loggers import LOGGERS

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


def pins(name):
    """Package -> version, as a file of pins states them."""
    found = re.findall(r"^([\w.-]+)==([^\s;]+)", (ROOT / name).read_text(encoding="utf-8"), re.MULTILINE)
    return {canonical(package): version for package, version in found}


def canonical(package):
    return re.sub(r"[-_.]+", "-", package).lower()


def imported():
    """The packages that the library imports, of others, wherever in a module."""
    for path in (ROOT / "seki_lib").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                yield from (alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and not node.level:
                yield str(node.module).partition(".")[0]


def test_every_package_that_the_library_imports_is_asked_for_by_its_name():
    """One that comes with another package today may not tomorrow."""
    extras, packages = PROJECT["project"]["optional-dependencies"], packages_distributions()
    asked = {canonical(package) for package in [*PROJECT["project"]["dependencies"], *extras["batch"], *LOGGERS]}
    others = set(imported()) - set(sys.stdlib_module_names) - {"seki_lib"}
    assert {
        name: packages.get(name) for name in others if not asked & set(map(canonical, packages.get(name, [name])))
    } == {}
    assert len(others) > 20


def test_the_lock_holds_every_dependency_at_the_version_that_make_installs():
    lock, constraints, extras = pins("requirements.lock"), pins("constraints.txt"), PROJECT["project"]
    asked = extras["dependencies"] + [p for name in ("batch", "dev") for p in extras["optional-dependencies"][name]]
    assert {canonical(package) for package in asked} <= lock.keys()
    assert {package: lock[package] for package in lock.keys() & constraints.keys()} == {
        package: constraints[package] for package in lock.keys() & constraints.keys()
    }


def test_the_lock_has_a_hash_for_every_package_and_names_no_server():
    text = (ROOT / "requirements.lock").read_text(encoding="utf-8")
    entries = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]
    assert len(entries) > 100 and all("--hash=sha256:" in entry for entry in entries) and "://" not in text


def test_the_canary_installs_the_newest_versions_and_runs_all_tests():
    workflow = (ROOT / ".github" / "workflows" / "canary.yml").read_text()
    steps = [step["run"] for step in yaml.safe_load(workflow)["jobs"]["newest"]["steps"] if "run" in step]
    [install] = [step for step in steps if "pip install" in step]
    [extras] = re.findall(r"-e \"\.\[([\w,]+)\]\"", install)
    assert "--upgrade" in install and "-c " not in install and "lock" not in install
    assert {"all", *LOGGERS} == set(extras.split(",")) and steps[-1] == ".venv/bin/pytest -n auto"


def test_conda_and_make_install_the_same():
    """environment.yml names Python and pip alone; pip installs the rest by the words of the Makefile."""
    python, pip, installed = yaml.safe_load((ROOT / "environment.yml").read_text())["dependencies"]
    assert (python, pip) == (f"python{PROJECT['project']['requires-python']}", "pip")
    [made] = re.findall(r'pip install .* (-c constraints\.txt -e "\.\[all\]")', (ROOT / "Makefile").read_text())
    assert shlex.split(" ".join(installed["pip"])) == shlex.split(made)
