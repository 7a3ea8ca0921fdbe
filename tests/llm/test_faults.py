"""What providers do to a search, and what becomes of it: each fault by name, over HTTP, through the official SDKs."""

import itertools
import time
from email.utils import formatdate

import loopback
import pytest
from loopback import status

from seki_lib.files.errors import LLMError
from seki_lib.files.jsonl import read_lines
from seki_lib.llm import base, get_llm, hosted
from seki_lib.profiles import Profile
from seki_lib.runs import RunSpec, search_run

PROFILE = Profile("test", rounds=4, lam=3, k=3, xi=2)
QUESTION = [{"role": "user", "content": "Which?"}]
MENDED = {
    "429": status(429),
    "429 with retry-after": status(429, retry_after="7"),
    "500": status(500),
    "503": status(503),
    "529": status(529, "overloaded"),
    "connection reset": loopback.reset,
    "timeout": loopback.silence,
    "truncated JSON": loopback.truncated_json,
    "empty content": loopback.empty_content,
    "blanks": lambda server, handler, body: server.answer(handler, body, text=" \n "),
    "only a thought": lambda server, handler, body: server.answer(handler, body, text="<think>|none~0|+</think>"),
    "wrong content type": loopback.wrong_content_type,
}


def search(server, results):
    spec = RunSpec("nas201", "cifar10", server.name, "test", 0)
    return search_run(spec, PROFILE, results)


def history(folder):
    return (folder / "history.jsonl").read_text()


def replies(folder):
    return [line["reply"] for line in read_lines(folder / "transcript.jsonl") if "reply" in line]


def failures(folder):
    return [line for line in read_lines(folder / "transcript.jsonl") if "error" in line]


@pytest.mark.parametrize("fault", MENDED)
def test_the_history_equals_the_undisturbed_one_after(fault, server, clock, table, tmp_path, monkeypatch):
    undisturbed = search(server, tmp_path / "undisturbed")
    monkeypatch.setattr(hosted, "TIMEOUT", 0.3 if fault == "timeout" else 30)
    server.faults = [None, MENDED[fault], None, None, MENDED[fault], MENDED[fault]]
    disturbed = search(server, tmp_path / "disturbed")
    assert history(disturbed) == history(undisturbed)
    assert replies(disturbed) == replies(undisturbed)
    assert len(failures(disturbed)) == 3
    assert all(line["error"] and line["messages"] and "reply" not in line for line in failures(disturbed))
    assert len(clock.waits) == 3


def test_retry_after_is_honoured(server, clock, table, tmp_path):
    server.faults = [status(429, retry_after="7"), status(503, retry_after="11")]
    search(server, tmp_path)
    assert clock.waits == [7, 11]


def test_a_provider_that_stays_away_stops_the_run_which_goes_on_with_the_same_command(server, clock, table, tmp_path):
    undisturbed = search(server, tmp_path / "undisturbed")
    asked = len(server.requests)
    server.faults = [None, None, None] + [status(529, "overloaded")] * 1000
    with pytest.raises(LLMError, match=r"HTTP 529: overloaded.*give the same command later") as error:
        search(server, tmp_path / "stopped")
    assert "\n" not in str(error.value)
    server.faults = []
    stopped = search(server, tmp_path / "stopped")
    assert history(stopped) == history(undisturbed)
    answered = len(server.requests) - asked - len(failures(stopped))
    assert answered == asked  # nothing was asked twice


def test_the_total_time_limit_holds_over_all_retries(server, clock):
    server.faults = [status(500)] * 1000
    llm = get_llm(server.name, clock=clock, time_limit=20)
    started = clock.now
    with pytest.raises(LLMError, match=r"no reply to \d requests in \d+ s"):
        llm.complete(QUESTION)
    assert 20 - base.LONGEST_WAIT < clock.now - started <= 20


def test_a_wait_longer_than_the_time_limit_is_not_begun(server, clock):
    server.faults = [status(429, "daily limit", retry_after="3600")]
    with pytest.raises(LLMError, match=r"would have to wait 3600 s; the last one: HTTP 429: daily limit"):
        get_llm(server.name, clock=clock, time_limit=600).complete(QUESTION)
    assert clock.waits == [] and len(server.requests) == 1


def test_a_refusal_is_an_unreadable_reply_that_the_ladder_repairs(server, clock, table, tmp_path):
    server.faults = [None, loopback.refusal]  # the first architecture
    folder = search(server, tmp_path)
    lines = list(read_lines(folder / "transcript.jsonl"))
    assert lines[1]["reply"] == "I cannot help with that." and lines[1]["finish"] == "refusal"
    assert next(itertools.islice(read_lines(folder / "history.jsonl"), 1, None))["how"] == "repaired"
    assert len(history(folder).splitlines()) == 5


def test_a_reply_cut_off_at_max_tokens_is_asked_for_again(server, clock, table, tmp_path):
    server.faults = [None, loopback.max_tokens_reached]
    folder = search(server, tmp_path)
    lines = list(read_lines(folder / "transcript.jsonl"))
    assert lines[1]["finish"] == "length"
    assert next(itertools.islice(read_lines(folder / "history.jsonl"), 1, None))["how"] == "repaired"


def test_an_invalid_key_is_not_tried_again_and_its_variable_is_named(server, clock):
    server.faults = [status(401, "invalid x-api-key")] * 3
    variable = f"{server.protocol.upper()}_API_KEY"
    with pytest.raises(LLMError, match=f"the key in {variable} was refused"):
        get_llm(server.name, clock=clock).complete(QUESTION)
    assert len(server.requests) == 1 and clock.waits == []


OTHERS = {  # a body of status 200 that is whole and no reply, whatever is asked: (body, content type, words)
    "a login page": (b"<html>Please log in</html>", "text/html", "not JSON but text/html.*a base URL looks like"),
    "a stream": (b'data: {"choices": []}\n\ndata: [DONE]\n\n', "text/event-stream", "Turn streaming off at the server"),
    "a list": (b'[{"generated_text": "hi"}]', "application/json", "a JSON list and no object.*a base URL looks"),
}


@pytest.mark.parametrize("form", OTHERS)
def test_an_answer_of_another_kind_is_not_asked_for_for_ever(form, server, clock):
    body, kind, words = OTHERS[form]
    server.faults = [lambda server, handler, asked: server.send(handler, 200, body, kind=kind)] * 20
    with pytest.raises(LLMError, match=words):
        get_llm(server.name, clock=clock).complete(QUESTION)
    assert len(server.requests) == 3


def test_redirects_in_a_circle_name_the_address_at_once(server, clock):
    def around(server, handler, body):
        server.send(handler, 307, {}, location=handler.path)

    server.faults = [around] * 100
    with pytest.raises(LLMError, match=r"cannot be sent to .*TooManyRedirects.*a base URL looks like"):
        get_llm(server.name, clock=clock).complete(QUESTION)
    assert clock.waits == []


@pytest.mark.parametrize("name", ["anthropic:claude-haiku-4-5", "openai:gpt-4o-mini"])
def test_a_missing_key_is_named_before_anything_is_sent(name, monkeypatch):
    for variable in ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "OPENAI_API_KEY", "OPENAI_BASE_URL"):
        monkeypatch.delenv(variable, raising=False)
    with pytest.raises(LLMError, match=rf"needs a key: set {name.partition(':')[0].upper()}_API_KEY"):
        get_llm(name).complete(QUESTION)


def test_an_unknown_model_is_one_sentence(server, clock):
    server.faults = [status(404, "model not found")]
    with pytest.raises(LLMError, match=r"there is no model '(claude-haiku-4-5|gpt-4o-mini)'"):
        get_llm(server.name, clock=clock).complete(QUESTION)
    assert len(server.requests) == 1


def test_a_search_of_a_model_that_thinks_first_is_the_search_of_one_that_does_not(server, clock, table, tmp_path):
    plain = search(server, tmp_path / "plain")
    answer = server.reply
    server.reply = lambda messages, schema: f"<think>The current cell, |none~0|+</think>\n{answer(messages, schema)}"
    thinking = search(server, tmp_path / "thinking")
    assert history(thinking) == history(plain) and replies(thinking) == replies(plain)
    assert "<think>" not in str([body["messages"] for _, body in server.requests])  # no thought is in a later prompt


def test_a_search_of_a_model_that_only_thinks_stops_with_a_sentence(server, clock, table, tmp_path):
    finish = "max_tokens" if server.protocol == "anthropic" else "length"
    server.faults = [lambda *asked: server.answer(*asked[1:], text="<think>|none~0|+", finish=finish)] * 9
    with pytest.raises(LLMError, match="thought through its whole allowance"):
        search(server, tmp_path)
    assert len(server.requests) <= 4


def test_a_wait_that_is_asked_for_by_a_date_is_kept():
    soon = formatdate(time.time() + 30, usegmt=True)
    assert 28 < hosted.retry_after({"retry-after": soon}) <= 30
    assert hosted.retry_after({"retry-after": formatdate(0, usegmt=True)}) is None
    assert hosted.retry_after({"retry-after": "2.5"}) == 2.5
    assert hosted.retry_after({"retry-after": "soon"}) is None and hosted.retry_after({}) is None
