"""What servers refuse: left out and asked again where that mends it, else said in the server's words."""

import json

import pytest
from forms import CHOICE, ask, good, openai

from seki_lib.files.errors import LLMError
from seki_lib.llm.hosted import retry_after
from seki_lib.llm.transcript import Recorder


def in_body(name):
    return lambda asked: name in asked


def has_system(asked):
    return asked["messages"][0]["role"] == "system" or "system" in asked


def has_cache_mark(asked):
    return isinstance(asked.get("system"), list)


SCHEMA_ERROR = "Invalid schema for response_format 'reply': 'additionalProperties' is required"
REFUSALS = {  # form: (protocol, whether a request is refused, status, body of the error)
    "FastAPI": ("openai", in_body("seed"), 422,
                {"detail": [{"loc": ["body", "seed"], "msg": "Extra inputs are not permitted", "input": 1}]}),
    "vLLM, pydantic in a text": ("openai", in_body("seed"), 400,
                {"object": "error", "message": "[{'type': 'extra_forbidden', 'loc': ('body', 'seed')}]", "code": 400}),
    "Mistral": ("openai", in_body("seed"), 422,
                {"object": "error", "message": {"detail": [{"type": "extra_forbidden", "loc": ["body", "seed"],
                 "msg": "Extra inputs are not permitted", "input": 1}]}, "type": "invalid_request_error"}),
    "OpenAI, param": ("openai", in_body("seed"), 400, {"error": {"message": "Unsupported.", "param": "seed"}}),
    "Gemini, a list": ("openai", in_body("seed"), 400,
                [{"error": {"code": 400, "message": 'Unknown name "seed": Cannot find field.'}}]),
    "OpenRouter, nested text": ("openai", in_body("seed"), 400,
                {"error": {"message": "Provider returned error", "code": 400,
                           "metadata": {"raw": json.dumps({"error": {"message": "seed is not supported"}})}}}),
    "a plain text as error": ("openai", in_body("seed"), 400, {"error": "unknown field: seed"}),
    "the new name": ("openai", in_body("max_tokens"), 400,
                {"error": {"message": "Unsupported parameter: 'max_tokens' is not supported with this model. Use "
                           "'max_completion_tokens' instead.", "param": "max_tokens"}}),
    "neither name": ("openai", lambda asked: bool({"max_tokens", "max_completion_tokens"} & asked.keys()), 400,
                {"error": {"message": "unexpected: max_tokens, max_completion_tokens"}}),
    "OpenAI, schema": ("openai", in_body("response_format"), 400, {"error": {"message": SCHEMA_ERROR}}),
    "vLLM, guided": ("openai", in_body("response_format"), 400, {"message": "guided_json: unsupported feature"}),
    "llama.cpp, grammar": ("openai", in_body("response_format"), 500,
                {"error": {"code": 500, "message": "failed to parse grammar", "type": "server_error"}}),
    "Groq": ("openai", in_body("response_format"), 400,
                {"error": {"message": "Please adjust your prompt.", "code": "json_validate_failed"}}),
    "LM Studio": ("openai", in_body("response_format"), 400,
                {"error": "'response_format.type' must be 'json_schema' or 'text'"}),
    "a 200 that names it": ("openai", in_body("response_format"), 200,
                {"error": {"message": "structured outputs are not supported", "code": 400}}),
    "Gemma's template": ("openai", has_system, 400, {"error": {"message": "System role not supported"}}),
    "Gemma at Gemini": ("openai", has_system, 400,
                [{"error": {"message": "Developer instruction is not enabled for models/gemma-3-27b-it"}}]),
    "roles must alternate": ("openai", has_system, 400,
                {"message": "Conversation roles must alternate user/assistant/user/assistant/..."}),
    "llama.cpp, template": ("openai", has_system, 500,
                {"error": {"code": 500, "message": "Jinja Exception: Only user and assistant roles are supported!"}}),
    "FastAPI, role": ("openai", has_system, 422,
                {"detail": [{"loc": ["body", "messages", 0, "role"], "msg": "Input should be 'user' or 'assistant'"}]}),
    "Anthropic, output_config": ("anthropic", in_body("output_config"), 400,
                {"type": "error", "error": {"message": "output_config.format is not supported by this model"}}),
    "compatible, cache mark": ("anthropic", has_cache_mark, 400,
                {"error": {"message": "system.0.cache_control: Extra inputs are not permitted"}}),
    "compatible, system as text": ("anthropic", has_cache_mark, 422,
                {"detail": [{"loc": ["body", "system"], "msg": "Input should be a valid string"}]}),
    "compatible, no system": ("anthropic", has_system, 400, {"error": {"message": "system prompt is not supported"}}),
}  # fmt: skip


@pytest.mark.parametrize("form", REFUSALS)
def test_what_a_server_refuses_is_left_out_asked_again_and_remembered(form, serve):
    protocol, refused, status, error = REFUSALS[form]
    reply = good(protocol, '{"reply": "a b"}')
    server, llm = serve(protocol, lambda asked, count: (status, error) if refused(asked) else (200, reply))
    assert ask(llm, schema=CHOICE).text == "a b"
    first = len(server.requests)
    assert 2 <= first <= 3
    assert ask(llm, schema=CHOICE).text == "a b" and len(server.requests) == first + 1
    said = json.dumps(server.requests[-1][1], ensure_ascii=False)
    assert "Space Ω" in said and "Design a cell." in said and "a c" in said  # nothing that was asked is lost
    others = {"seed", "response_format"} if protocol == "openai" else {"output_config"}
    assert len(others - server.requests[-1][1].keys()) <= 1  # and nothing else is left out


FATAL = {  # form: (protocol, status, body, what the sentence holds)
    "OpenAI, quota": ("openai", 429, {"error": {"message": "You exceeded your quota", "code": "insufficient_quota"}},
                      "You exceeded your quota"),
    "DeepSeek, balance": ("openai", 402, {"error": {"message": "Insufficient Balance"}}, "Insufficient Balance"),
    "Anthropic, credit": ("anthropic", 400, {"error": {"message": "Your credit balance is too low"}}, "credit balance"),
    "LM Studio, 200": ("openai", 200, {"error": "Unexpected endpoint or method. (POST /chat/completions)"},
                       "Unexpected endpoint or method.*a base URL looks like http://127.0.0.1:8000/v1"),
    "OpenRouter, 200": ("openai", 200, {"error": {"message": "No allowed providers", "code": 404}}, "No allowed prov"),
    "200, other names": ("openai", 200, {"code": 500, "msg": "404 NOT_FOUND", "success": False}, "404 NOT_FOUND"),
    "Anthropic's form, 200": ("anthropic", 200, {"type": "error", "error": {"message": "no such"}}, "no such"),
    "FastAPI, 404": ("openai", 404, {"detail": "Not Found"}, r"/v1/chat/completions\).*OPENAI_BASE_URL: a base URL lo"),
    "plain text, 404": ("openai", 404, b"404 page not found", r"404 page not found.*a base URL looks like"),
    "405": ("openai", 405, {"detail": "Method Not Allowed"}, "a base URL looks like"),
    "Ollama, model": ("openai", 404, {"error": {"message": "model 'x' not found"}}, "there is no model 'some-model'"),
    "Anthropic, 404": ("anthropic", 404, {"detail": "Not Found"}, r"ANTHROPIC_BASE_URL: a base URL looks like"),
    "a text": ("openai", 400, b"bad things", "HTTP 400: bad things"),
    "no words": ("openai", 400, {"code": 7}, 'HTTP 400: {"code": 7}'),
    "nothing": ("openai", 400, b"", "HTTP 400"),
    "beside an empty choice": ("openai", 200, openai("", error={"code": 402, "message": "Insufficient credits"}),
                               "Insufficient credits"),
    "a list of texts": ("openai", 422, {"detail": ["first", {"msg": "second"}]}, "first; second"),
    "JSON 5,000 deep": ("openai", 400, b'{"error":' * 5000 + b"1" + b"}" * 5000, "HTTP 400"),
    "a lone surrogate": ("openai", 400, json.dumps({"error": {"message": "a\ud800b"}}).encode(), r"HTTP 400: a\?b"),
    "a long prompt": ("openai", 400, {"error": {"message": "maximum context length is 9 tokens"}}, "maximum context"),
    "a key": ("openai", 401, {"error": "no"}, "the key in OPENAI_API_KEY was refused"),
    "a country": ("openai", 403, {"error": "Country not supported"}, "forbids this, perhaps to the key.*Country not"),
    "not implemented": ("openai", 501, {"error": "chat is not implemented"}, "chat is not implemented"),
}  # fmt: skip


PASSING = {  # form: (protocol, body of status 200)
    "OpenRouter, 429": ("openai", {"error": {"message": "Provider returned error", "code": 429}}),
    "OpenRouter, 503, choices empty": ("openai", {"error": {"message": "no instances", "code": 503}, "choices": []}),
    "a code as text": ("openai", {"error": {"message": "again", "code": "502"}}),
    "Anthropic, overloaded": ("anthropic", {"type": "error", "error": {"type": "overloaded_error", "message": "wait"}}),
    "words only": ("openai", {"error": "Rate limit reached, try again in 2 s"}),
    "in the choice": ("openai", openai("the ans", choices=[
        {"message": {"content": "the ans"}, "finish_reason": "error", "error": {"code": 502, "message": "upstream"}}])),
    "a choice that broke off": ("openai", openai("the ans", "error")),
    "beside a choice": ("openai", openai("hi", error={"message": "upstream died", "code": 502})),
    "a code at the top": ("openai", {"code": 429, "message": "slow down"}),
}  # fmt: skip


@pytest.mark.parametrize("form", PASSING)
def test_an_error_of_status_200_that_may_pass_is_asked_again(form, serve, clock):
    protocol, body = PASSING[form]
    server, llm = serve(protocol, lambda asked, count: (200, body if count < 3 else good(protocol, "a b")))
    assert ask(llm).text == "a b"
    assert len(server.requests) == 3 and clock.waits == [0.5, 1.0]


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("-5", None),
        ("0", None),
        ("Wed, 21 Oct 2015 07:28:00 GMT", None),
        ("2", 2.0),
        ("nan", None),
        ("inf", None),
        ("soon", None),
        ("", None),
    ],
)
def test_a_wait_that_no_clock_has_is_not_waited_for(header, seconds):
    assert retry_after({"retry-after": header}) == seconds


@pytest.mark.parametrize("form", FATAL)
def test_an_error_that_nothing_mends_is_said_at_once_in_the_server_s_words(form, serve, clock, tmp_path):
    protocol, status, body, words = FATAL[form]
    server, llm = serve(protocol, lambda asked, count: (status, body))
    with pytest.raises(LLMError, match=words) as error:
        ask(Recorder(tmp_path / "transcript.jsonl", llm), schema=CHOICE)
    assert "\n" not in str(error.value) and len(str(error.value)) < 700
    assert len(server.requests) == 1 and clock.waits == []
