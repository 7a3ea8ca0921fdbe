"""The folders under `results/`, and what the finders see in them."""

import shutil
from pathlib import Path

import pytest
from kept import searched

from seki_lib.files.errors import RunError
from seki_lib.files.jsonl import write_json
from seki_lib.results import KEPT, Home, RunSpec, SearchResult, by_llm
from seki_lib.spaces import get_space
from seki_lib.training.protocol import SupernetSpec, TrainingSpec

DARTS_V1, DARTS_V2 = (get_space("darts").public_genotypes[name] for name in ("DARTS_V1", "DARTS_V2"))


def test_every_spec_lives_where_home_says():
    home, results = Home(Path("r"), "laptop"), Path("r")
    assert RunSpec("nas201", "cifar10", "a:b", "laptop", 8).folder(results) == home.search(
        "nas201", "cifar10", "a:b", seed=8
    )
    assert str(home.search("nas201", "cifar10", "a:b", seed=8)) == "r/laptop/searches/nas201/cifar10/a-b/default/seed=8"
    spec = SupernetSpec("darts", "digits", "laptop", 1, "pc_darts")
    assert spec.folder(results) == home.supernet("darts", "digits", "pc_darts", 1)
    training = TrainingSpec("DARTS_V2", DARTS_V2, "digits", "laptop", 2, variant="epochs=1")
    assert training.folder(results) == home.training("darts", "digits", "DARTS_V2,epochs=1", 2)
    assert str(home.training("darts", "digits", "x", 2)) == "r/laptop/trainings/darts/digits/x/seed=2"


def test_the_best_search_is_that_of_the_highest_score_and_forks_do_not_count(tmp_path):
    home = Home(tmp_path, "laptop")
    with pytest.raises(RunError, match=r"has finished in profile laptop with a:1. Next: \"seki supernet --space darts"):
        home.require_best_search(llm="a:1")
    for llm, seed, cell, score in (("a:1", 8, DARTS_V1, 80.0), ("a:1", 9, DARTS_V2, 81.0), ("b:1", 8, DARTS_V1, 90.0)):
        searched(tmp_path, "laptop", "darts", "cifar10", llm, seed, cell, score)
    fork = home.search("darts", "cifar10", "a:1", "k=8", 8)
    fork.mkdir(parents=True)
    write_json(fork / "result.json", {"score": 99.0})
    assert home.require_best_search(llm="a:1").seed == 9 and home.require_best_search().llm == "b:1"
    assert {llm: len(found) for llm, found in by_llm(home.finished_searches("darts")).items()} == {"a:1": 2, "b:1": 1}


def test_only_finished_trainings_and_supernets_are_found(tmp_path):
    home = Home(tmp_path, "laptop")
    for folder in (home.training("darts", "cifar10", "x", 1), home.supernet("darts", "cifar10", "single_path")):
        folder.mkdir(parents=True)
    assert not home.trainings("darts", "cifar10", "x") and not home.supernets()
    write_json(home.training("darts", "cifar10", "x", 1) / "result.json", {"last_test_error": 3.0})
    write_json(home.supernet("darts", "cifar10", "single_path") / "result.json", {"seconds": 2.0})
    (training,) = home.trainings("darts", "cifar10", "x")
    assert training.seed == 1 and training.result == {"last_test_error": 3.0} and training.epochs == []
    assert [found.folder for found in home.all_trainings("darts", "cifar10*")] == [training.folder]
    assert [found.result["seconds"] for found in home.supernets()] == [2.0]


def test_a_folder_that_was_copied_is_no_other_seed_or_task(tmp_path):
    """Or the same search would be counted twice."""
    home, own = Home(tmp_path, "laptop"), KEPT.search("nas201", "cifar10", "local:smollm2-135m", seed=8)
    copy = home.search("nas201", "cifar10", "local:smollm2-135m", seed=9)
    shutil.copytree(own, copy)
    assert SearchResult(own).config["run"]["seed"] == 8
    with pytest.raises(RunError, match="holds a search of another seed"):
        _ = SearchResult(copy).config


@pytest.mark.parametrize(
    ("place", "wrong"),
    [
        ("laptop/searches/nas201/cifar10/local-smollm2-135m.bak/default/seed=8", "llm"),
        ("laptop/searches/nas201/cifar10/local-smollm2-135m/lam=25/seed=8", "variant"),
        ("smoke/searches/nas201/cifar10/local-smollm2-135m/default/seed=8", "profile"),
    ],
)
def test_a_copy_is_no_search_of_another_llm_variant_or_profile(place, wrong, tmp_path):
    shutil.copytree(KEPT.search("nas201", "cifar10", "local:smollm2-135m", seed=8), tmp_path / place)
    with pytest.raises(RunError, match=f"holds a search of another {wrong}, as its config.json says"):
        _ = SearchResult(tmp_path / place).config


def test_every_kept_search_stands_in_its_own_place():
    assert len([one.config for one in KEPT.finished_searches("", variant="")]) > 200


def test_a_training_that_was_copied_is_no_other_seed(tmp_path):
    home = Home(tmp_path, "laptop")
    for seed in (0, 1):
        folder = home.training("darts", "cifar10", "x", seed)
        folder.mkdir(parents=True)
        write_json(folder / "result.json", {"last_test_error": 3.0})
        write_json(folder / "config.json", {"seed": 0})
    with pytest.raises(RunError, match=r"seed=1 holds a training of seed 0"):
        home.trainings("darts", "cifar10", "x")
    folder.rename(folder.with_name("seed=00"))
    assert [one.seed for one in home.trainings("darts", "cifar10", "x")] == [0]
