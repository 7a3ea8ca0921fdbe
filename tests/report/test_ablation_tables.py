"""Tables 5 and 6: a setting that was not run here is that of the kept run, and is marked so."""

import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from seki_lib.paper.settings import PAPER_BEST
from seki_lib.profiles import get_profile
from seki_lib.report.ablation_tables import SURROGATE, paper_settings, surrogate_outcomes, table5
from seki_lib.results import Home, RunSpec

KEPT = Path(__file__).parents[2] / "results" / "reference"
PLACE = Path("searches", "darts", "cifar10", "local-smollm2-135m")
SPEC = RunSpec("darts", "cifar10", "local:smollm2-135m", "laptop", 8)


@pytest.fixture
def results(tmp_path):
    """λ = 35 and λ = 25, scored by the surrogate, as if made here."""
    for variant in ("evaluator=surrogate", "evaluator=surrogate,lam=25"):
        shutil.copytree(KEPT / PLACE / variant, tmp_path / "laptop" / PLACE / variant)
    return tmp_path


def provenances(results, profile="laptop"):
    """Row -> the provenances of its surrogate columns."""
    chance = {kind: dict.fromkeys([*paper_settings(5), PAPER_BEST], np.zeros(3)) for kind in ("null", "random")}
    table = table5(SPEC, get_profile(profile), results, chance, "a judge")
    columns = [list(table.columns).index(column) for column in SURROGATE]
    return {label: {cells[at].provenance for at in columns} for label, _, cells in table.rows}


def test_what_was_not_run_here_stands_as_replayed_beside_what_was(results):
    found = provenances(results)
    assert (found["λ = 25"], found["λ = 35"]) == ({"measured"}, {"measured"})
    assert found["λ = 15"] == {"replayed"}


def test_a_seed_that_was_not_run_here_is_that_of_the_kept_run(results):
    shutil.rmtree(results / "laptop" / PLACE / "evaluator=surrogate,lam=25" / "seed=11")
    found = surrogate_outcomes(SPEC, get_profile("laptop"), results, paper_settings(5))
    assert all({8, 10, 12} <= runs.keys() for runs in found.values())
    assert [seed for seed, run in found[replace(PAPER_BEST, lam=25)].items() if run.is_kept] == [11]
    assert provenances(results)["λ = 25"] == {"replayed"}


def test_kept_runs_of_other_prompts_stand_beside_nothing(results):
    for config in results.rglob("config.json"):
        config.write_text(config.read_text().replace('"critique": "', '"critique": "0'))
    assert provenances(results)["λ = 15"] == {"not run"}


def test_what_a_replay_left_out_stays_out(results):
    Home(results, "laptop").replay_mark.write_text("{}")
    assert provenances(results)["λ = 15"] == {"not run"}
