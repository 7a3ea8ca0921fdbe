"""Keys are planted everywhere, and looked for in everything that a run writes and says."""

import base64
import logging

import pytest
from loopback import KEY, status

from seki_lib.errors import LLMError
from seki_lib.llm import get_llm, secrets
from seki_lib.profiles import Profile
from seki_lib.runs import RunSpec, search_run

PROFILE = Profile("test", rounds=3, lam=2, k=3, xi=2)
PLANTED = {
    "in the URL": "hunter2-planted-in-the-url",
    "in the query": "query-planted-9f8e7d6c",
    "in a header": "header-planted-5a4b3c2d",
    "elsewhere in the environment": "env/planted+secret=0001",
}


def echo_everything(server, handler, body):
    """An error that hands back what it was sent, headers and path included, as some gateways do."""
    server.send(handler, 500, {"error": {"message": f"bad gateway for {handler.path} with {dict(handler.headers)}"}})


def plant(server, monkeypatch):
    address = server.url.replace("http://", f"http://user:{PLANTED['in the URL']}@")
    monkeypatch.setenv(f"{server.protocol.upper()}_BASE_URL", f"{address}?key={PLANTED['in the query']}")
    monkeypatch.setenv(f"{server.protocol.upper()}_CUSTOM_HEADERS", f"X-Gateway: {PLANTED['in a header']}")
    monkeypatch.setenv("SOME_SECRET_TOKEN", PLANTED["elsewhere in the environment"])


def leaked(text):
    encoded = base64.b64encode(f"user:{PLANTED['in the URL']}".encode()).decode()
    return [name for name, key in {"key": KEY, "basic": encoded, **PLANTED}.items() if key in text]


def test_no_planted_key_is_in_anything_that_a_run_writes_or_says(
    server, clock, table, tmp_path, monkeypatch, capfd, caplog
):
    plant(server, monkeypatch)
    caplog.set_level(logging.DEBUG)
    secret = PLANTED["elsewhere in the environment"]
    answer = server.reply
    server.reply = lambda messages, schema: answer(messages, schema) if schema else f"Use {KEY} and {secret}."
    server.faults = [echo_everything, None, echo_everything]
    folder = search_run(RunSpec("nas201", "cifar10", server.name, "test", 0), PROFILE, tmp_path, on_step=print)
    server.faults = [echo_everything] * 100
    with pytest.raises(LLMError) as error:
        get_llm(server.name, clock=clock, time_limit=5).complete([{"role": "user", "content": "?"}])
    server.faults = [status(401, f"Incorrect API key provided: {KEY}")]
    with pytest.raises(LLMError) as refused:
        get_llm(server.name, clock=clock).complete([{"role": "user", "content": "?"}])
    written = {str(path): path.read_text() for path in tmp_path.rglob("*") if path.is_file()}
    said = dict(zip(("stdout", "stderr"), capfd.readouterr(), strict=True))
    said |= {"log": caplog.text, "error": str(error.value), "refused": str(refused.value)}
    assert "HTTP Request" in said["log"]
    assert {name: leaked(text) for name, text in (written | said).items() if leaked(text)} == {}
    assert secrets.HIDDEN in (folder / "transcript.jsonl").read_text()
    assert error.value.__suppress_context__ and refused.value.__suppress_context__


def test_a_reply_that_holds_a_key_reads_the_same_before_and_after_a_restart(server, clock, tmp_path):
    from seki_lib.llm.transcript import Recorder

    server.reply = lambda messages, schema: f"the key is {KEY}"
    path, question = tmp_path / "transcript.jsonl", [{"role": "user", "content": "?"}]
    first = Recorder(path, get_llm(server.name, clock=clock)).complete(question, seed=1)
    assert first.text == f"the key is {secrets.HIDDEN}"
    assert Recorder(path, None).complete(question, seed=1) == first


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer abcdefghij0123456789",
        "https://me:password1@host/v1",
        "https://host/v1?api_key=abcdefgh",
        "sk-proj-abcdefghijklmnop",
    ],
)
def test_what_looks_like_a_key_is_hidden_whoever_it_belongs_to(text):
    assert secrets.HIDDEN in secrets.redact(text)
    assert not any(word in secrets.redact(text) for word in ("abcdefgh", "password1"))


def test_ordinary_words_are_left_alone(monkeypatch):
    monkeypatch.setenv("MAX_TOKENS", "100000000")
    text = "Replace edge 3, skip_connect, by nor_conv_3x3: 100000000 tokens, a basic idea, task-oriented"
    assert secrets.redact({"a": [text]}) == {"a": [text]}
