"""Searches without an LLM that are kept: made once, and used only for what they were made for."""

import numpy as np
import pytest

from seki_lib.baseline_runs import baseline_runs
from seki_lib.evaluators import get_evaluator
from seki_lib.profiles import Profile
from seki_lib.search import initial_architecture
from seki_lib.spaces import get_space

PROFILE = Profile("test", rounds=6, lam=4, k=3, xi=2, baseline_seeds=5)


def test_baselines_of_another_evaluator_are_kept_under_its_name(tmp_path):
    found = baseline_runs("darts", "cifar10", PROFILE, tmp_path, evaluations=5, evaluator="surrogate:ridge", seeds=3)
    ridge, space = get_evaluator("surrogate:ridge", space="darts", task="cifar10"), get_space("darts")
    for name in found.scores:
        assert found.scores[name].shape == (3, 5)
        assert found.scores[name][0, 0] == ridge(initial_architecture(space, "random", 0)).score
        assert [final["surrogate_ridge"] for final in found.finals(name)] == list(found.scores[name].max(axis=1))
    kept = [path.name for path in (tmp_path / "test" / "baselines" / "darts" / "cifar10").iterdir()]
    assert kept == ["evaluations=5,evaluator=surrogate-ridge.npz"]


def spoiled(path, kind):
    with np.load(path) as kept:
        arrays = dict(kept)
    if kind == "nan":
        arrays["local_search_scores"][0, 0] = np.nan
    elif kind == "rows":
        arrays["local_search_scores"] = arrays["local_search_scores"][:2]
    elif kind == "key":
        del arrays["local_search_values"]
    np.savez_compressed(path, **arrays)
    if kind == "half":
        path.write_bytes(path.read_bytes()[:200])
    elif kind in ("", "text"):
        path.write_text(kind)


@pytest.mark.parametrize("kind", ["nan", "rows", "key", "half", "", "text"])
def test_kept_baselines_that_are_damaged_are_said_and_made_again(kind, tmp_path, table, capsys):
    def runs():
        return baseline_runs("nas201", "cifar10", PROFILE, tmp_path, evaluations=7).scores

    first = runs()
    (path,) = tmp_path.rglob("*.npz")
    spoiled(path, kind)
    again = runs()
    assert all((again[name] == first[name]).all() for name in first)
    assert f"{path} is damaged" in "".join(capsys.readouterr())


def test_kept_baselines_of_another_budget_are_not_taken(tmp_path, table):
    baseline_runs("nas201", "cifar10", PROFILE, tmp_path, evaluations=9)
    (path,) = tmp_path.rglob("*.npz")
    path.rename(path.with_name("evaluations=7.npz"))
    assert baseline_runs("nas201", "cifar10", PROFILE, tmp_path, evaluations=7).scores["local_search"].shape == (5, 7)
