"""What each provider is sent, and what is kept of its answers."""

import json

import pytest
from loopback import KEY, Loopback, status

from seki_lib import get_space
from seki_lib.files.errors import LLMError
from seki_lib.files.jsonl import read_lines
from seki_lib.llm import PROVIDERS, Question, get_llm
from seki_lib.llm.transcript import Recorder, totals
from seki_lib.spaces import ReplySchema

SPACE = get_space("nas201")
SCHEMA = SPACE.reply_schema("names")
MESSAGES = [{"role": "system", "content": "Space Ω"}, {"role": "user", "content": "Design a cell."}]


def sent(server):
    return server.requests[-1][1]


def test_anthropic_is_passed_what_its_api_takes_and_the_system_prompt_is_marked_for_caching(monkeypatch):
    server = Loopback("anthropic")
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", server.url)
    reply = get_llm("anthropic:claude-haiku-4-5").complete(MESSAGES, schema=SCHEMA, seed=3, max_tokens=200)
    body = sent(server)
    assert set(body) == {"model", "max_tokens", "messages", "system", "output_config"}  # no temperature, no seed
    assert body["system"] == [{"type": "text", "text": "Space Ω", "cache_control": {"type": "ephemeral"}}]
    assert body["messages"] == MESSAGES[1:]
    assert body["output_config"]["format"] == {"type": "json_schema", "schema": dict(SCHEMA)}
    SPACE.read(reply.text, "names")
    assert reply.usage == {"prompt_tokens": reply.usage["prompt_tokens"], "completion_tokens": 9,
                           "cached_tokens": 40, "cache_write_tokens": 2}  # fmt: skip
    assert reply.usage["prompt_tokens"] == len(json.dumps(body["messages"])) // 4 + 42  # all that was sent
    assert (reply.model, reply.request_id, reply.finish) == ("claude-haiku-4-5-20260101", "req_42", "stop")
    server.close()


def test_openai_itself_is_asked_by_its_current_names_and_another_server_by_the_common_ones(monkeypatch):
    server = Loopback("openai")
    monkeypatch.setenv("OPENAI_BASE_URL", server.url)
    monkeypatch.setenv("OPENAI_API_KEY", KEY)
    llm = get_llm("openai:qwen2.5-32b")
    reply = llm.complete(MESSAGES, schema=SCHEMA, seed=3, max_tokens=200)
    body = sent(server)
    assert set(body) == {"model", "messages", "max_tokens", "seed", "response_format"}
    assert body["messages"] == MESSAGES and body["max_tokens"] == 200 and body["seed"] == 3
    assert body["response_format"]["json_schema"]["strict"] is True
    assert reply.usage["cached_tokens"] == 40 and reply.usage["prompt_tokens"] > 40
    monkeypatch.delenv("OPENAI_BASE_URL")
    hosted = get_llm("openai:gpt-4o-mini")
    request = hosted._request(Question(MESSAGES, None, 3, 200))
    assert "max_completion_tokens" in request and "max_tokens" not in request
    server.close()


def test_a_choice_goes_as_an_object_and_comes_back_as_the_bare_text(server):
    choices = ["change edge 1 from none to skip_connect", "change edge 2 from none to avg_pool_3x3"]
    reply = get_llm(server.name).complete(MESSAGES, schema=ReplySchema.one_of(choices), seed=1)
    assert reply.text in choices


@pytest.mark.parametrize(
    ("protocol", "refused", "message"),
    [
        ("openai", "response_format", "response_format is not supported"),
        ("openai", "seed", "Unrecognized request argument supplied: seed"),
        ("anthropic", "output_config", "output_config.format is not supported by this model"),
    ],
)
def test_what_a_server_does_not_take_is_left_out_and_said_in_words(protocol, refused, message, monkeypatch):
    server = Loopback(protocol, reply=lambda messages, schema: SPACE.format(SPACE.parse(CELL)))
    monkeypatch.setenv(f"{protocol.upper()}_API_KEY", KEY)
    monkeypatch.setenv(f"{protocol.upper()}_BASE_URL", server.url)
    server.faults = [status(400, message)]
    llm = get_llm(f"{protocol}:some-model")
    for _ in range(2):  # it is told once
        assert SPACE.format(SPACE.read(llm.complete(MESSAGES, schema=SCHEMA, seed=1).text, "names")) == CELL
    assert len(server.requests) == 3
    assert refused in server.requests[0][1] and refused not in server.requests[1][1]
    if refused != "seed":
        assert '"0->1"' in sent(server)["messages"][-1]["content"]
    server.close()


CELL = "|nor_conv_3x3~0|+|nor_conv_3x3~0|skip_connect~1|+|none~0|avg_pool_3x3~1|nor_conv_1x1~2|"


def test_every_request_is_recorded_with_what_was_sent_answered_and_taken(server, tmp_path, clock):
    server.faults = [status(529, "overloaded")]
    recorder = Recorder(tmp_path / "transcript.jsonl", get_llm(server.name, clock=clock))
    recorder.complete(MESSAGES, schema=SCHEMA, seed=1)
    failed, answered = read_lines(tmp_path / "transcript.jsonl")
    assert failed["messages"] == answered["messages"] == MESSAGES
    assert failed["error"] == "HTTP 529: overloaded" and failed["status"] == 529
    assert failed["request_id"] == answered["request_id"] == "req_42"
    assert answered["model"].startswith(server.name.partition(":")[2])
    assert answered["usage"]["cached_tokens"] == 40 and answered["seconds"] >= 0
    assert totals(tmp_path / "transcript.jsonl")["failed"] == 1


def test_a_failed_attempt_is_no_cached_answer(server, tmp_path, clock):
    server.faults = [status(401, "no")]
    recorder = Recorder(tmp_path / "transcript.jsonl", get_llm(server.name, clock=clock))
    with pytest.raises(LLMError):
        recorder.complete(MESSAGES, seed=1)
    again = Recorder(tmp_path / "transcript.jsonl", get_llm(server.name, clock=clock))
    assert again.complete(MESSAGES, seed=1).text
    assert again.asked == 1


def test_known_models_have_a_price_and_an_endpoint_of_ones_own_has_none(server, tmp_path, monkeypatch, clock):
    recorder = Recorder(tmp_path / "transcript.jsonl", get_llm(server.name, clock=clock))
    dollars = recorder.complete(MESSAGES, seed=1).dollars
    assert (dollars is None) if server.protocol == "openai" else dollars > 0


def test_every_provider_is_one_file_that_needs_the_standard_library_only_to_be_imported():
    import subprocess
    import sys

    code = (
        "import sys; from seki_lib.llm import get_llm;"
        "[get_llm(n) for n in ('anthropic:a', 'openai:b', 'human:', 'local:qwen2.5-7b')];"
        "print([m for m in ('anthropic', 'openai', 'httpx2', 'pydantic', 'numpy', 'xllamacpp') if m in sys.modules])"
    )
    assert subprocess.check_output([sys.executable, "-c", code], text=True) == "[]\n"
    assert list(PROVIDERS) == ["local", "anthropic", "openai", "human", "replay", "chance", "scripted"]
