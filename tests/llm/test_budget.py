"""MAX_USD, MAX_TOKENS and MAX_CALLS are never exceeded, whoever works in the folder, and no key number is guessed."""

import json
import multiprocessing
import threading

import loopback
import pytest

from seki_lib.files.errors import LLMError
from seki_lib.llm import get_llm
from seki_lib.llm.budget import Budget, BudgetError, Limits, worst_usage
from seki_lib.llm.prices import FILE, Price, as_of, price_of, prices
from seki_lib.llm.transcript import Recorder
from seki_lib.profiles import Profile
from seki_lib.runs import RunSpec, search_run

PROFILE = Profile("test", rounds=8, lam=6, k=3, xi=2)
PRICE = Price(1.0, 0.1, 1.25, 5.0)


@pytest.fixture
def claude(monkeypatch):
    """A loopback server that answers for Anthropic, whose price is known."""
    server = loopback.Loopback("anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", loopback.KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    yield server
    server.close()


def search(results, seed=0):
    return search_run(RunSpec("nas201", "cifar10", "anthropic:claude-haiku-4-5", "test", seed), PROFILE, results)


def spent(results):
    return Budget(results / "test", Limits()).spent()


@pytest.mark.parametrize(("kind", "bound"), [("usd", 0.016), ("tokens", 7_000), ("calls", 7)])
def test_a_run_stops_under_its_cap_and_goes_on_when_it_is_raised(
    kind, bound, claude, clock, table, tmp_path, monkeypatch
):
    monkeypatch.setenv(f"MAX_{kind.upper()}", str(bound))
    with pytest.raises(BudgetError, match=f"the budget does not allow another call: MAX_{kind.upper()}="):
        search(tmp_path)
    stopped = spent(tmp_path)
    assert 0 < stopped[kind] <= bound
    assert stopped["calls"] == len(claude.requests)
    monkeypatch.delenv(f"MAX_{kind.upper()}")
    folder = search(tmp_path)
    monkeypatch.setenv("MAX_CALLS", "0")  # and a finished run needs no call at all
    assert search(tmp_path) == folder
    result = json.loads((folder / "result.json").read_text())
    assert result["calls"] == spent(tmp_path)["calls"] == len(claude.requests)  # nothing was asked twice
    assert result["dollars"] == pytest.approx(spent(tmp_path)["usd"], abs=1e-6)


def test_the_bound_is_checked_with_the_worst_case_before_anything_is_sent(claude, clock, table, tmp_path, monkeypatch):
    monkeypatch.setenv("MAX_USD", "0.001")
    with pytest.raises(BudgetError):
        search(tmp_path)
    assert claude.requests == []


def test_repeated_requests_count_and_those_that_may_have_been_billed_count_in_full(
    claude, clock, table, tmp_path, monkeypatch
):
    monkeypatch.setenv("MAX_CALLS", "3")
    claude.faults = [loopback.status(529), loopback.reset, loopback.status(503)]
    with pytest.raises(BudgetError):
        search(tmp_path)
    took = spent(tmp_path)
    assert took["calls"] == len(claude.requests) == 3
    assert took["usd"] > 0  # of the reset: nobody knows whether it was billed; errors by status are not


def test_seeds_at_once_share_one_budget_and_end_as_they_do_one_by_one(claude, clock, table, tmp_path, monkeypatch):
    one_by_one = [(search(tmp_path / "a", seed) / "history.jsonl").read_text() for seed in (0, 1, 2)]
    asked = len(claude.requests)
    monkeypatch.setenv("MAX_CALLS", str(asked - 1))
    stopped = []

    def run(seed):
        try:
            search(tmp_path / "b", seed)
        except BudgetError:
            stopped.append(seed)

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (2, 0, 1)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert len(stopped) == 1 and len(claude.requests) == asked + asked - 1
    monkeypatch.setenv("MAX_CALLS", str(asked))
    at_once = [(search(tmp_path / "b", seed) / "history.jsonl").read_text() for seed in (0, 1, 2)]
    assert at_once == one_by_one


@pytest.mark.parametrize("first", [min, max])
def test_histories_do_not_depend_on_the_order_of_completion(first, claude, clock, table, tmp_path):
    alone = [(search(tmp_path / "alone", seed) / "history.jsonl").read_text() for seed in (0, 1)]
    gate = Gate(claude.reply, first, searches=2)
    claude.reply = gate.reply

    def run(seed):
        search(tmp_path / "together", seed)
        gate.one_less()

    threads = [threading.Thread(target=run, args=(seed,)) for seed in (0, 1)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    assert [(search(tmp_path / "together", seed) / "history.jsonl").read_text() for seed in (0, 1)] == alone


class Gate:
    """Holds replies back until every search waits for one, then lets the first go, by a rule that tests choose."""

    def __init__(self, answer, first, searches):
        self.answer, self.first, self.searches = answer, first, searches
        self.waiting, self.turn = [], threading.Condition()

    def reply(self, messages, schema):
        text = str(messages)
        with self.turn:
            self.waiting.append(text)
            self.turn.notify_all()
            self.turn.wait_for(lambda: len(self.waiting) >= self.searches and text == self.first(self.waiting))
            self.waiting.remove(text)
        return self.answer(messages, schema)

    def one_less(self):
        with self.turn:
            self.searches -= 1
            self.turn.notify_all()


def _reserve_until_full(folder, limit, kept):
    budget = Budget(folder, Limits(calls=limit))
    count = 0
    try:
        while True:
            key = budget.reserve("x", PRICE, {"prompt_tokens": 10, "completion_tokens": 10})
            budget.settle(key, {"prompt_tokens": 5, "completion_tokens": 5}, 0.001)
            count += 1
    except BudgetError:
        kept.put(count)


def test_processes_share_the_ledger(tmp_path):
    kept = multiprocessing.Queue()
    workers = [multiprocessing.Process(target=_reserve_until_full, args=(tmp_path, 60, kept)) for _ in range(4)]
    [worker.start() for worker in workers]
    [worker.join() for worker in workers]
    assert sum(kept.get() for _ in workers) == 60
    assert Budget(tmp_path, Limits()).spent() == {"calls": 60, "tokens": 600, "usd": pytest.approx(0.06)}


def test_a_call_of_a_killed_process_counts_at_its_worst(tmp_path):
    Budget(tmp_path, Limits()).reserve("x", PRICE, {"prompt_tokens": 1000, "completion_tokens": 1000})  # never settled
    with pytest.raises(BudgetError, match="set aside"):
        Budget(tmp_path, Limits(tokens=3000)).reserve("x", PRICE, {"prompt_tokens": 600, "completion_tokens": 600})


def test_an_unknown_price_is_refused_under_max_usd_and_shown_as_tokens_only_otherwise(
    clock, table, tmp_path, monkeypatch
):
    server = loopback.Loopback("openai")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    spec = RunSpec("nas201", "cifar10", "openai:my-own-model", "test", 0)
    monkeypatch.setenv("MAX_USD", "5")
    with pytest.raises(BudgetError, match="the price of openai:my-own-model is not known"):
        search_run(spec, PROFILE, tmp_path)
    assert server.requests == []
    monkeypatch.delenv("MAX_USD")
    lines = []
    folder = search_run(spec, PROFILE, tmp_path, on_step=lambda step: lines.append(str(step)))
    assert json.loads((folder / "result.json").read_text())["dollars"] is None
    assert "tokens" in lines[1] and "$" not in lines[1]
    server.close()


def test_a_price_of_ones_own_is_read_on_top(tmp_path, monkeypatch):
    own = tmp_path / "prices.toml"
    own.write_text('["openai:my-own-model"]\ninput = 0.1\ncached = 0.1\nwritten = 0.1\noutput = 0.2\n')
    monkeypatch.setenv("SEKI_PRICES", str(own))
    assert price_of("openai:my-own-model", hosted=False).output == 0.2
    assert price_of("openai:gpt-4o-mini", hosted=False) is None  # somebody else's server
    damaged = tmp_path / "damaged.toml"
    damaged.write_text("not toml")
    monkeypatch.setenv("SEKI_PRICES", str(damaged))
    with pytest.raises(LLMError, match=r"cannot be read as a file of prices"):
        price_of("openai:my-own-model", hosted=False)


def test_every_round_and_the_result_carry_tokens_and_dollars(claude, clock, table, tmp_path):
    steps = []
    spec = RunSpec("nas201", "cifar10", "anthropic:claude-haiku-4-5", "test", 0)
    folder = search_run(spec, PROFILE, tmp_path, on_step=steps.append)
    result = json.loads((folder / "result.json").read_text())
    assert all(" tokens  $0." in str(step) for step in steps[1:])
    tokens = result["tokens"]
    assert sum(step.tokens for step in steps) == tokens["prompt_tokens"] + tokens["completion_tokens"]
    assert sum(step.dollars for step in steps) == pytest.approx(result["dollars"], abs=1e-6)
    assert tokens["cached_tokens"] == 40 * result["calls"]


def test_cached_tokens_are_counted_apart_and_cost_their_own_price():
    usage = {"prompt_tokens": 1000, "cached_tokens": 600, "cache_write_tokens": 100, "completion_tokens": 200}
    assert PRICE.dollars(usage) == pytest.approx((300 * 1.0 + 600 * 0.1 + 100 * 1.25 + 200 * 5.0) / 1e6)
    assert PRICE.worst(usage) >= PRICE.dollars(usage)


def test_the_worst_case_bounds_what_a_real_tokenizer_counts(embedded):
    for text in ("|nor_conv_3x3~0|+|none~0|skip_connect~1|" * 9, "Ω α ξ 架构 🏗️" * 20, "a b c\n" * 50):
        messages = [{"role": "user", "content": text}]
        assert embedded.count_tokens(messages) <= worst_usage(messages, None, 0)["prompt_tokens"]


def test_the_prices_are_dated_complete_and_positive():
    assert as_of() >= "2026-11"
    assert {"openai:gpt-4o-mini", "anthropic:claude-haiku-4-5"} <= prices().keys(), FILE
    assert all(0 < p.cached <= p.input <= p.output and p.written >= p.input for p in prices().values())
    assert price_of("openai:gpt-4o-mini-2024-07-18") == price_of("openai:gpt-4o-mini")
    assert price_of("anthropic:claude-haiku-4-5-20251001") == price_of("anthropic:claude-haiku-4-5")
    assert price_of("openai:gpt-99") is None
    assert price_of("local:smollm2-135m") == Price(0, 0, 0, 0)


@pytest.mark.parametrize("text", ["1_0", "١٢", "1.5", "--5"])
def test_a_count_that_is_no_whole_number_is_no_bound(text, monkeypatch):
    monkeypatch.setenv("MAX_TOKENS", text)
    with pytest.raises(LLMError, match=f"MAX_TOKENS={text} is not a bound"):
        Limits.from_environment()


@pytest.mark.parametrize("text", ["five", "-1", "nan", "inf", "1e999", "1_0", "١٢"])
def test_a_bound_that_is_no_number_is_one_sentence(text, monkeypatch):
    monkeypatch.setenv("MAX_USD", text)
    with pytest.raises(LLMError, match=f"MAX_USD={text} is not a bound"):
        Limits.from_environment()


def test_get_llm_is_not_needed_to_know_a_price():
    assert get_llm("anthropic:claude-haiku-4-5").name in prices()


DAMAGED = {
    "cut off": loopback.truncated_json,
    "no JSON": loopback.wrong_content_type,
    "deep": lambda server, handler, body: server.send(handler, 200, b"[" * 5000 + b"]" * 5000),
}


@pytest.mark.parametrize("damage", DAMAGED)
def test_a_damaged_reply_counts_in_full_since_the_provider_may_have_charged(damage, claude, clock, tmp_path):
    claude.faults = [DAMAGED[damage]] * 2
    budget = Budget(tmp_path)
    question = [{"role": "user", "content": "Which?"}]
    reply = Recorder(tmp_path / "t.jsonl", get_llm("anthropic:claude-haiku-4-5", clock=clock), budget=budget)
    usage = reply.complete(question, max_tokens=100).usage
    worst = sum(worst_usage(question, None, 100 + 2048).values())
    took = budget.spent()
    assert took["calls"] == 3 and took["tokens"] == 2 * worst + usage["prompt_tokens"] + usage["completion_tokens"]
    assert took["usd"] > 2 * 2148 * 5e-6


def test_a_killed_call_of_the_embedded_llm_is_freed_when_its_run_goes_on(tmp_path, monkeypatch):
    free, budget = Price(0, 0, 0, 0), Budget(tmp_path, Limits(calls=3))
    for run, price in (("a", free), ("b", free), ("c", PRICE)):
        budget.reserve("x", price, {"completion_tokens": 9}, run=run)  # and killed
    with pytest.raises(BudgetError, match="set aside 3"):
        budget.reserve("x", PRICE, {"completion_tokens": 9}, run="c")  # somebody may have charged for it
    budget.settle(budget.reserve("x", free, {"completion_tokens": 9}, run="a"), {"completion_tokens": 9}, 0.0)
    assert budget.spent()["calls"] == 1


def test_a_run_of_an_llm_that_charges_nothing_names_its_reservations(tmp_path):
    from seki_lib.llm import LLM, Completion

    class Killed(LLM):
        name = "local:killed"

        def answer(self, question):
            if self.dies:
                raise KeyboardInterrupt
            return Completion("a reply")

    llm, budget, question = Killed(), Budget(tmp_path, Limits(calls=2)), [{"role": "user", "content": "Which?"}]
    for llm.dies in (True, True, True, False):
        recorder = Recorder(tmp_path / "run" / "t.jsonl", llm, budget=budget)
        if llm.dies:
            with pytest.raises(KeyboardInterrupt):
                recorder.complete(question)
    assert recorder.complete(question).text == "a reply" and budget.spent()["calls"] == 1


FULL = """
import resource, signal, sys
from pathlib import Path
from seki_lib.files.errors import LLMError
from seki_lib.llm.budget import Budget, Limits
budget = Budget(Path(sys.argv[1]), Limits(calls=9))
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
budget.reserve("x", None, {"completion_tokens": 9})
before = budget.path.read_bytes()
resource.setrlimit(resource.RLIMIT_FSIZE, (len(before) - 9, len(before) - 9))
try:
    budget.reserve("x", None, {"completion_tokens": 9})
except LLMError as error:
    print(error)
assert budget.path.read_bytes() == before
"""


def test_a_reservation_that_cannot_be_written_is_none_and_the_ledger_stays_whole(tmp_path):
    """With a real limit of the operating system on the size of files, as on a full disk."""
    import subprocess
    import sys

    done = subprocess.run([sys.executable, "-c", FULL, str(tmp_path)], capture_output=True, text=True)
    assert done.stderr == "" and "(File too large)" in done.stdout and "So no call is made" in done.stdout


@pytest.mark.parametrize("value", ['"cheap"', "-1", "nan", "inf", "true", "[1]"])
def test_a_price_that_is_no_number_is_one_sentence_that_names_it(value, tmp_path, monkeypatch):
    own = tmp_path / "prices.toml"
    own.write_text(f'["openai:mine"]\ninput = {value}\ncached = 0.1\nwritten = 0.1\noutput = 0.2\n')
    monkeypatch.setenv("SEKI_PRICES", str(own))
    with pytest.raises(LLMError, match=r"openai:mine: input = .* is no number of dollars"):
        price_of("openai:mine", hosted=False)


def test_a_file_of_prices_may_begin_with_a_byte_order_mark_and_be_named_from_here(tmp_path, monkeypatch):
    import os

    from seki_lib.files.assets import absolute_folders

    (tmp_path / "prices.toml").write_text(
        '["openai:mine"]\ninput = 0.1\ncached = 0.1\nwritten = 0.1\noutput = 0.2\n', encoding="utf-8-sig"
    )
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("SEKI_PRICES", "prices.toml")
    absolute_folders()
    assert os.environ["SEKI_PRICES"] == str(tmp_path / "prices.toml")
    monkeypatch.chdir("/")
    assert price_of("openai:mine", hosted=False).output == 0.2


@pytest.mark.parametrize("ledger", ['{"calls": 0, "tokens": 0, "usd": NaN, "open": {}}', "{}", '{"calls": "3"}',
                                    '{"calls": 0, "tokens": 0, "usd": 0, "open": []}', "null"])  # fmt: skip
def test_a_ledger_without_amounts_keeps_no_bound_and_lets_no_call_through(ledger, tmp_path):
    budget = Budget(tmp_path, Limits(usd=0.01))
    budget.path.parent.mkdir(parents=True, exist_ok=True)
    budget.path.write_text(ledger)
    with pytest.raises(LLMError, match="mend or remove it"):
        budget.spent()
