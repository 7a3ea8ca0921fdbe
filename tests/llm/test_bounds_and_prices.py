"""Prices are kept with the run that paid them, and a bound that is too small is said before the search begins."""

import json

import loopback
import pytest
from kept import rounds_and_calls

from seki_lib.app.bounds import estimate, rounds_of, stages_left
from seki_lib.app.commands import read
from seki_lib.app.show import describe
from seki_lib.llm.budget import BudgetError
from seki_lib.llm.prices import as_of, in_force, price_of
from seki_lib.paper import Edition
from seki_lib.profiles import Profile, get_profile
from seki_lib.results import Home
from seki_lib.runs import RunSpec, search_run

LLM = "anthropic:claude-haiku-4-5"
PROFILE = Profile("test", rounds=8, lam=6, k=3, xi=2)
SPEC = RunSpec("nas201", "cifar10", LLM, "test", 0)


@pytest.fixture
def claude(monkeypatch, clock, table):
    """A loopback server that answers for Anthropic, whose price is known."""
    server = loopback.Loopback("anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", loopback.KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    yield server
    server.close()


@pytest.fixture
def dearer(tmp_path):
    """A file of prices ten times those of today."""
    price, path = price_of(LLM), tmp_path / "dearer.toml"
    lines = [f"{name} = {10 * value}" for name, value in vars(price).items()]
    path.write_text("\n".join([f'["{LLM}"]', *lines]))
    return path


def kept(folder, name):
    return json.loads((folder / name).read_text())


def calls(folder):
    return [json.loads(line) for line in (folder / "transcript.jsonl").read_text().splitlines()]


def test_a_change_of_prices_leaves_the_dollars_of_a_finished_run_alone(claude, dearer, tmp_path, monkeypatch):
    folder = search_run(SPEC, PROFILE, tmp_path)
    before, shown = kept(folder, "result.json"), describe(folder)
    assert kept(folder, "config.json")["prices"] == [in_force(LLM)]
    assert in_force(LLM)["of"] == f"prices.toml, {as_of()}" and before["dollars"] > 0
    monkeypatch.setenv("SEKI_PRICES", str(dearer))
    search_run(SPEC, PROFILE, tmp_path)
    assert kept(folder, "result.json") == before and describe(folder) == shown
    assert len(kept(folder, "config.json")["prices"]) == 1
    [price] = kept(folder, "config.json")["prices"]
    paid = sum(price_in(price, call["usage"]) for call in calls(folder))
    assert paid == pytest.approx(before["dollars"], abs=1e-6)  # the run alone says what it cost


def price_in(price, usage):
    """The dollars of a call by a kept price, worked out anew."""
    cached, written = usage["cached_tokens"], usage["cache_write_tokens"]
    plain = usage["prompt_tokens"] - cached - written
    kinds = (plain * price["input"], cached * price["cached"], written * price["written"])
    return (sum(kinds) + usage["completion_tokens"] * price["output"]) / 1e6


def test_a_run_that_goes_on_at_other_prices_keeps_both(claude, dearer, tmp_path, monkeypatch):
    folder = search_run(SPEC, PROFILE, tmp_path, until=3)
    first = calls(folder)
    monkeypatch.setenv("SEKI_PRICES", str(dearer))
    search_run(SPEC, PROFILE, tmp_path)
    old, new = kept(folder, "config.json")["prices"]
    assert (old["of"], new["of"]) == (f"prices.toml, {as_of()}", "SEKI_PRICES") and new["output"] == 10 * old["output"]
    assert calls(folder)[: len(first)] == first
    paid = [price_in(old if i < len(first) else new, call["usage"]) for i, call in enumerate(calls(folder))]
    assert [call["dollars"] for call in calls(folder)] == pytest.approx(paid)
    assert kept(folder, "result.json")["dollars"] == pytest.approx(sum(paid), abs=1e-6)


def test_a_run_that_costs_nothing_keeps_no_price(table, tmp_path):
    folder = search_run(RunSpec("nas201", "cifar10", "chance:null", "test", 0), PROFILE, tmp_path)
    assert "prices" not in kept(folder, "config.json") and in_force("local:smollm2-135m") is None
    assert in_force("openai:gpt-99") is None


def command(results, **bounds):
    words = ["search", "--llm", LLM, "--profile", "smoke", "--results", str(results)]
    return read([*words, *(word for name, value in bounds.items() for word in (f"--{name}", str(value)))])


@pytest.mark.parametrize(
    ("bound", "said"),
    [
        ({"max-calls": 3}, "MAX_CALLS=3 may not be enough: 6 rounds take about 10, and 0 is spent"),
        ({"max-tokens": 3000}, "MAX_TOKENS=3000 may not be enough: 6 rounds take about 6,082, and 0 is spent"),
        ({"max-usd": 0.005}, "MAX_USD=0.005 may not be enough: 6 rounds take about 0.0113, and 0.0000 is spent"),
    ],
)
def test_a_bound_that_is_too_small_is_said_before_the_first_request(bound, said, claude, tmp_path, monkeypatch, capsys):
    for name in ("MAX_USD", "MAX_TOKENS", "MAX_CALLS"):
        monkeypatch.setenv(name, "")  # the command sets it, and the test takes it back
    asked = []
    claude.reply = lambda messages, schema: (
        asked.append(capsys.readouterr().err) or loopback.random_reply(messages, schema)
    )
    with pytest.raises(BudgetError):
        command(tmp_path, **bound).run()
    warned = asked[0] if asked else capsys.readouterr().err
    assert warned.startswith(f"seki: {said}") and "counted on the full prompts of nas201" in warned


def test_a_bound_that_is_enough_and_no_bound_and_a_finished_search_say_nothing(claude, tmp_path, monkeypatch, capsys):
    for name in ("MAX_USD", "MAX_TOKENS", "MAX_CALLS"):
        monkeypatch.setenv(name, "")
    command(tmp_path, **{"max-usd": 5, "max-calls": 1000}).run()
    monkeypatch.setenv("MAX_CALLS", "")
    monkeypatch.setenv("MAX_USD", "")
    command(tmp_path / "free").run()
    command(tmp_path, **{"max-calls": 1}).run()  # finished: it needs none
    assert capsys.readouterr().err == ""


def test_the_estimate_counts_what_is_left_at_the_price_of_today(tmp_path):
    assert stages_left(tmp_path, 50, 35) == (35, 15)
    rounds_and_calls(tmp_path, [{"round": i} for i in range(38)])
    assert stages_left(tmp_path, 50, 35) == (0, 13)
    need, source = estimate(LLM, {"nas201": (35, 15)}, Home(tmp_path, "laptop"))
    tokens = {"prompt_tokens": 35 * (338 + 452) + 15 * 809, "completion_tokens": 35 * (200 + 84) + 15 * 84}
    assert need == {"calls": 85, "tokens": sum(tokens.values()), "usd": pytest.approx(price_of(LLM).dollars(tokens))}
    assert source == f"counted on the full prompts of nas201, first attempts; prices as of {as_of()}"
    assert estimate("openai:my-own", {"nas201": (1, 1)}, Home(tmp_path, "laptop"))[0]["usd"] is None


def test_a_whole_profile_counts_every_search_once_and_forks_without_what_they_share(tmp_path):
    smoke = get_profile("smoke")
    rounds = rounds_of(Edition(smoke, LLM, smoke.seeds, smoke.trans101_seeds), Home(tmp_path, "smoke"))
    assert rounds["nas201"][0] >= smoke.lam * len(smoke.seeds)
    assert {"nas201", "darts", "trans101"} <= rounds.keys() and all(map(any, rounds.values()))
