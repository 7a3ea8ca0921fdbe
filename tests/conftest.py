"""Shared fixtures: the real table (whichever source is on this machine), the space, the embedded LLM, a fake one."""

import pytest
from fakes import FakeLLM

from seki_lib import get_evaluator, get_llm, get_space, runs
from seki_lib.evaluators.nas201_table import fetch_table
from seki_lib.files.assets import absolute_folders

absolute_folders()  # tests start processes in other folders


@pytest.fixture(scope="session")
def space():
    return get_space("nas201")


@pytest.fixture(scope="session")
def table():
    return fetch_table()


@pytest.fixture(scope="session")
def trans101_table():
    from seki_lib.evaluators.trans101_table import fetch_table
    from seki_lib.files.errors import AssetError

    try:
        return fetch_table()
    except AssetError as error:
        pytest.skip(f"needs TransNAS-Bench-101's table: {error}")


@pytest.fixture(scope="session")
def evaluator(table):
    return get_evaluator("tabular", space="nas201", task="cifar10")


@pytest.fixture(scope="session")
def embedded():
    return get_llm("local:smollm2-135m")


@pytest.fixture
def fake(monkeypatch, table):
    """Runs use one fake LLM, handed out here to be looked at."""
    llm = FakeLLM()
    get_llm = runs.get_llm
    monkeypatch.setattr(runs, "get_llm", lambda name: llm if name.startswith("fake") else get_llm(name))
    return llm
