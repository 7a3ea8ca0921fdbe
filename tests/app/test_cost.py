"""The cost planner: its arithmetic by hand, what is finished is not paid again, what it does not know it says."""

import json
import math
from dataclasses import replace
from random import Random

import pytest
from kept import rounds_and_calls

from seki_lib.app.cost import plan
from seki_lib.app.cost.plan import wall_hours
from seki_lib.app.cost.rates import asking, published_share, speed
from seki_lib.app.cost.work import (
    PricedJob,
    Work,
    language_multiply_adds,
    path_multiply_adds,
    supernet_work,
    training_work,
)
from seki_lib.app.notebook import ROOT
from seki_lib.files.errors import SettingError, UnknownName
from seki_lib.files.jsonl import append_line
from seki_lib.nn.count import count, count_supernet
from seki_lib.paper import REPORTS, Report, Supernet, Training
from seki_lib.profiles import get_profile
from seki_lib.results import Home
from seki_lib.runs import RunSpec
from seki_lib.spaces import get_space
from seki_lib.training.language_protocol import language_protocol
from seki_lib.training.protocol import (
    IMAGENET_SUPERNETS,
    SupernetConfig,
    SupernetSpec,
    TrainingSpec,
    get_protocol,
    named_architecture,
)

PAPER = get_profile("paper")
LLM = "openai:gpt-4o-mini"


@pytest.fixture(scope="module")
def fresh(tmp_path_factory):
    """The plan where nothing has been done."""
    return plan(results=tmp_path_factory.mktemp("results"), card="v100", gpus=4)


def row(plan, table):
    """A row by the number of its table, or "all"."""
    return plan.table.loc[next(name for name in plan.table.index if name.startswith(str(table)))]


def test_a_mixed_supernet_counts_as_the_public_code_does():
    sizes = {"channels": 16, "layers": 8, "classes": 10}
    assert count_supernet(None, 32, kind="darts", **sizes) == 300_255_744
    assert count_supernet(None, 32, kind="pc_darts", partial=4, **sizes) == 56_596_992
    arch = get_space("darts").random(Random(0))
    assert count_supernet(arch, 32, **sizes) == count("darts", arch, **sizes).multiply_adds
    alone = count("darts", arch, stem="imagenet", **sizes).multiply_adds
    assert count_supernet(arch, 224, stem="imagenet", **sizes) > 1.5 * alone  # its stem is three times as wide


def test_operations_are_two_a_multiply_add_and_three_passes_a_trained_sample():
    work = Work("classifier", multiply_adds=10, trained=100, tested=50)
    assert work.operations == 2 * 10 * (3 * 100 + 50)
    assert PricedJob(Training("DARTS_V2", "cifar10"), 1, work, times=0.25).operations == 1750
    text = named_architecture("DARTS_V2")[1]
    final = training_work(get_protocol("paper"), "darts", text, "cifar10")
    assert final.operations == 2 * 528_359_040 * (3 * 50_000 + 10_000) * 600  # 1.01e17
    final = training_work(get_protocol("paper", "imagenet"), "darts", text, "imagenet")
    assert final.operations == 2 * 529_911_552 * 250 * (3 * 1_281_167 + 50_000)
    assert language_multiply_adds(850) == 1700 * 1700 + 8 * 850 * 1700 + 850 * 10_000  # 22.95 M


def test_on_the_card_that_was_reported_it_takes_the_hours_that_were_reported(tmp_path):
    """24 h on a V100 for DARTS_V2, 92 GPU-hours for PC-DARTS on ImageNet, 2.4 h for its supernet on a 1080 Ti."""
    text = named_architecture("DARTS_V2")[1]
    for work, card, hours in (
        (training_work(get_protocol("paper"), "darts", text, "cifar10"), "v100", 24),
        (supernet_work(replace(IMAGENET_SUPERNETS["paper"], kind="pc_darts"), "imagenet"), "v100", 92),
        (supernet_work(SupernetConfig(kind="pc_darts"), "cifar10"), "1080ti", 2.4),
        (training_work(language_protocol("paper"), "darts_rnn", "", "ptb"), "1080ti", 72),
    ):
        at = speed(card, work.kind, "fp32", Home(tmp_path, "paper"))
        assert not at.measured
        assert work.operations / at.per_second / 3600 == pytest.approx(hours)
    share, source = published_share("classifier")
    assert share == pytest.approx(2 * 528_359_040 * 96e6 / 86_400 / 15.7e12) and "issues/80" in source
    on_a100 = speed("a100", "classifier", "fp32", Home(tmp_path, "paper"))
    assert on_a100.per_second == pytest.approx(share * 19.5e12)
    assert speed("a100", "classifier", "bf16", Home(tmp_path, "paper")).per_second == pytest.approx(
        2 * on_a100.per_second
    )


def test_table_1_is_24_trainings_of_a_day_each_on_a_v100(fresh):
    table1, pc_darts = row(fresh, 1), 556_670_592 / 528_359_040
    days = (
        16 + 8 * pc_darts
    )  # a cell that is not found yet counts as DARTS_V2; CIFAR-100's classifier is larger, barely
    assert 24 * days < table1["GPU-hours"] < 24 * days + 2.4  # and the supernet with its scores
    searches = 2 * len(PAPER.ablation_seeds)  # the profile's own and the one that it forks from, scored by the supernet
    assert (table1["jobs left"], table1["done"]) == (24 + 1 + searches, 0)
    assert row(fresh, "all")["GPU-hours"] == pytest.approx(fresh.table["GPU-hours"].iloc[:-1].sum())


def test_ablations_take_425_calls_a_seed_by_forks_and_searches_85(fresh):
    assert sum(row(fresh, table)["LLM calls"] for table in (1, 5, 6)) / len(PAPER.ablation_seeds) == 425
    assert sum(2 * lam + 50 - lam for lam in PAPER.lams) + 16 * 85 == 1850  # without forks
    assert row(fresh, 3)["LLM calls"] == 4 * 85 and row(fresh, 4)["LLM calls"] == 7 * 4 * 85
    assert row(fresh, 3)["GPU-hours"] == 0


def test_a_table_that_is_only_declared_loses_no_job(fresh, monkeypatch, tmp_path):
    """A new line in REPORTS is a new row, and the rows still add up."""
    new = Training("random:5", "cifar10", seed=99)
    monkeypatch.setitem(REPORTS, "table9", lambda edition: Report("29_table9", (new,)))
    planned = plan(results=tmp_path, card="v100", gpus=4)
    assert row(planned, 9)["jobs left"] == 1
    for column in ("jobs left", "GPU-hours"):
        assert row(planned, "all")[column] == pytest.approx(row(fresh, "all")[column] + row(planned, 9)[column])


def test_tokens_and_dollars_of_counted_prompts_are_the_sums_by_hand(fresh):
    prompt = 4 * (35 * (338 + 452) + 15 * 809)  # benchmarks/results/prompt_tokens.csv: full, nas201
    reply = 4 * (35 * (200 + 84) + 15 * 84)
    table3 = row(fresh, 3)
    assert (table3["prompt tokens"], table3["reply tokens"]) == (prompt, reply)
    assert "tokens of nas201: counted on the full prompts of nas201, first attempts" in fresh.notes
    assert table3.dollars == pytest.approx((prompt * 0.15 + reply * 0.60) / 1e6)
    assert row(fresh, "all").dollars == pytest.approx(fresh.table.dollars.iloc[:-1].sum())


def test_tokens_and_seconds_of_the_embedded_llm_are_those_of_the_committed_searches(tmp_path):
    known = asking("local:smollm2-135m", "nas201", Home(tmp_path, "paper"))
    folders = sorted((ROOT / "results/reference/searches/nas201").glob("*/local-smollm2*/default/seed=*"))
    results = [json.loads((folder / "result.json").read_text()) for folder in folders]
    assert known.source.startswith(f"{len(results)} finished searches")
    rounds = len(results) * 35, len(results) * 15
    tokens, seconds = known.of(rounds)
    assert tokens == {kind: sum(result["tokens"][kind] for result in results) for kind in tokens}
    assert seconds == pytest.approx(sum(result["llm_seconds"] for result in results), rel=1e-3)


def test_what_is_finished_is_subtracted(fresh, tmp_path):
    text = named_architecture("DARTS_V2")[1]
    for seed, epochs in ((0, 600), (1, 150)):  # one training is finished, one a quarter done
        folder = TrainingSpec("DARTS_V2", text, "cifar10", "paper", seed).folder(tmp_path)
        folder.mkdir(parents=True)
        for epoch in range(epochs if seed else 1):
            append_line(folder / "metrics.jsonl", {"epoch": epoch, "images_per_second": 500.0})
        if not seed:
            about = {"device": "Some Card", "madds_m": 528.4}
            (folder / "result.json").write_text(json.dumps(about))
            (folder / "config.json").write_text(json.dumps({"precision": "fp32"}))
    for seed, rounds in ((8, 50), (9, 40), (10, 10)):
        folder = RunSpec("nas201", "cifar10", LLM, "paper", seed).folder(tmp_path)
        folder.mkdir(parents=True)
        rounds_and_calls(folder, [{"round": number} for number in range(rounds + 1)])
    for variant, rounds in (("lam=45", 20), ("k=8", 50)):
        folder = RunSpec("darts", "cifar10", LLM, "paper", 8, variant).folder(tmp_path)
        folder.mkdir(parents=True)
        rounds_and_calls(folder, [{"round": number} for number in range(rounds + 1)])
    left = plan(results=tmp_path, card="v100", gpus=4)
    assert row(fresh, 1)["GPU-hours"] - row(left, 1)["GPU-hours"] == pytest.approx(
        24 * 1.25, rel=1e-3
    )  # and 20 scores of f
    assert row(left, 1)["done"] == 1
    assert row(left, 3)["LLM calls"] == (0) + (10) + (2 * 25 + 15) + 85
    assert row(fresh, 1)["LLM calls"] - row(left, 1)["LLM calls"] == 2 * 20  # λ = 45, from which all others fork
    folder = RunSpec("darts", "cifar10", LLM, "paper", 8).folder(tmp_path)  # λ = 35, of Tables 1, 5 and 6
    folder.mkdir(parents=True)
    rounds_and_calls(folder, [{"round": number} for number in range(51)])
    more = plan(results=tmp_path, card="v100", gpus=4)
    assert row(left, 1)["LLM calls"] - row(more, 1)["LLM calls"] == 15
    assert row(left, 5)["LLM calls"] == row(more, 5)["LLM calls"] == row(fresh, 5)["LLM calls"]
    assert row(fresh, 6)["LLM calls"] - row(left, 6)["LLM calls"] == 15
    assert row(left, 2).equals(row(fresh, 2))


def test_a_supernet_that_is_trained_is_not_trained_again(fresh, tmp_path):
    folder = SupernetSpec("darts", "cifar10", "paper").folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / "result.json").write_text('{"score": 1.0}')
    left = row(plan(results=tmp_path, card="v100", gpus=4), 1)
    assert left["done"] == 1
    config = SupernetConfig()
    trained = 2 * path_multiply_adds(config) * 3 * 25_000 * 50
    speed_there = published_share("supernet")[0] * 15.7e12
    assert row(fresh, 1)["GPU-hours"] - left["GPU-hours"] == pytest.approx(trained / speed_there / 3600)


def test_a_finished_training_on_the_card_measures_its_speed(tmp_path):
    folder = TrainingSpec("DARTS_V2", "", "cifar10", "paper").folder(tmp_path)
    folder.mkdir(parents=True)
    for rate in (900.0, 1000.0, 1100.0):
        append_line(folder / "metrics.jsonl", {"images_per_second": rate})
    (folder / "result.json").write_text(json.dumps({"device": "NVIDIA A100-SXM4-80GB", "madds_m": 500.0}))
    (folder / "config.json").write_text(json.dumps({"precision": "fp32"}))
    at = speed("a100", "classifier", "fp32", Home(tmp_path, "paper"))
    assert at.measured and "1,000 images/s" in at.source
    assert at.per_second == pytest.approx(6 * 500e6 * 1000)
    assert not speed("a100", "classifier", "bf16", Home(tmp_path, "paper")).measured
    assert not speed("v100", "classifier", "fp32", Home(tmp_path, "paper")).measured


def test_the_kept_benchmark_is_a_measured_speed(tmp_path):
    at = speed("cpu", "classifier", "fp32", Home(tmp_path, "paper"))
    assert at.measured and at.per_second == pytest.approx(6 * 528_359_040 * 10.96)
    other = speed("cpu", "imagenet", "fp32", Home(tmp_path, "paper"))
    assert not other.measured and other.per_second == at.per_second and "another network" in other.source


def test_wall_time_is_phase_after_phase_the_longest_job_first():
    supernet, training = PricedJob(Supernet("darts", "cifar10"), 1), PricedJob(Training("DARTS_V2", "cifar10"), 1)
    jobs, hours = [supernet, *[training] * 4], [2.0, 3.0, 3.0, 2.0, 2.0]
    assert wall_hours(jobs, hours, 1) == 12
    assert wall_hours(jobs, hours, 2) == 2 + 5
    assert wall_hours(jobs, hours, 9) == 2 + 3
    assert wall_hours([PricedJob(Training("DARTS_V2", "imagenet"), 2)], [8.0], 4) == 2
    assert wall_hours([], [], 3) == 0


def test_the_workstation_profile_is_priced_by_its_own_protocols(tmp_path):
    """13 short trainings in bf16, of networks of the paper's size where the data are, and its searches' LLM hours."""
    planned = plan("workstation", "a100", llm="local:smollm2-135m", results=tmp_path)
    assert "bf16" in planned.title and row(planned, 4)["LLM calls"] == 7 * 4 * 85
    table1, speed_there = row(planned, 1), speed("a100", "classifier", "bf16", Home(tmp_path, "paper")).per_second
    darts_v2 = 2 * 528_359_040 * (3 * 50_000 + 10_000) * 50 / speed_there / 3600
    assert 6 * darts_v2 < table1["GPU-hours"] < 8 * darts_v2  # the supernet too
    assert 0 < row(planned, 2)["GPU-hours"] < darts_v2  # 7,200 photographs at 64 pixels
    assert not any(note.startswith("imagenet") for note in planned.notes)  # nothing at 224 pixels
    assert 0 < table1["LLM-hours"] < row(planned, "all")["LLM-hours"]
    assert math.isnan(row(plan("workstation", results=tmp_path), "all")["LLM-hours"])  # nobody has timed that LLM


@pytest.mark.parametrize(
    ("options", "error", "sentence"),
    [
        ({"card": "voodoo2"}, UnknownName, "unknown card 'voodoo2'; valid: h200, h100, a100"),
        ({"llm": "mistral"}, UnknownName, "unknown LLM 'mistral'; valid: local:<model>"),
        ({"profile": "desktop"}, UnknownName, "valid: smoke, laptop, workstation, paper"),
        ({"profile": "laptop"}, SettingError, "only workstation and paper are planned"),
        ({"precision": "int8"}, UnknownName, "valid: fp32, bf16"),
        ({"card": "v100", "precision": "bf16"}, SettingError, "V100 SXM2 has no bf16"),
        ({"card": "cpu", "precision": "bf16"}, SettingError, "neither a measured speed in bf16 nor a peak"),
        ({"gpus": 0}, SettingError, "at least 1, not 0"),
    ],
)
def test_what_cannot_be_planned_is_one_sentence(options, error, sentence, tmp_path):
    with pytest.raises(error, match=sentence):
        plan(**{"results": tmp_path} | options)


def test_a_price_that_nobody_knows_is_not_zero(tmp_path):
    unknown = plan(results=tmp_path, llm="openai:gpt-99")
    assert math.isnan(row(unknown, "all").dollars) and "not known" in str(unknown)
    assert any("SEKI_PRICES" in note for note in unknown.notes)
    assert plan(results=tmp_path, llm="local:smollm2-135m").table.dollars.sum() == 0


def test_the_table_on_screen_and_the_data_say_the_same(fresh):
    text = str(fresh)
    assert "4 x NVIDIA V100" in text and "issues/80" in text
    lines = text.splitlines()[2:12]
    assert len({len(line) for line in lines}) == 1
    data = json.loads(json.dumps(fresh.as_data()))
    assert [name[0] for name in data["tables"]] == [*"12345678", "a"]
    assert f"{data['tables']['1: CIFAR-10/100, DARTS space']['GPU-hours']:,.1f}" in lines[1]
    assert data["tables"]["all"]["LLM-hours"] is None and "not known" in lines[-1]
