"""What servers really send, one row a form: a body, and what must come of it. A new server's form is a new row."""

import json

import pytest
from loopback import KEY, Loopback

from seki_lib.files.errors import LLMError
from seki_lib.files.jsonl import read_lines
from seki_lib.llm import Completion, get_llm
from seki_lib.llm.budget import Budget, Limits
from seki_lib.llm.transcript import Recorder, totals

MESSAGES = [{"role": "system", "content": "Space Ω"}, {"role": "user", "content": "Design a cell."}]
CHOICE = {"type": "string", "enum": ["a b", "a c"]}
USED = {"prompt_tokens": 10, "completion_tokens": 5}


class Server(Loopback):
    """Answers each request with what a function of its body and its number returns: (status, body)."""

    def __init__(self, protocol, form):
        self.form_of = form
        super().__init__(protocol)

    def answer(self, handler, body):
        status, reply = self.form_of(body, len(self.requests))
        self.send(handler, status, reply)


@pytest.fixture
def serve(monkeypatch, clock):
    """serve(protocol, form) -> (server, LLM): the server answers by `form`, and the LLM asks it."""
    servers = []

    def start(protocol, form, address="{}", **options):
        servers.append(Server(protocol, form))
        monkeypatch.setenv(f"{protocol.upper()}_API_KEY", KEY)
        monkeypatch.setenv(f"{protocol.upper()}_BASE_URL", address.format(servers[-1].url))
        return servers[-1], get_llm(f"{protocol}:some-model", clock=clock, **options)

    yield start
    [server.close() for server in servers]


def ask(llm, **options):
    return llm.complete(MESSAGES, seed=1, max_tokens=400, **options)


def openai(content="the answer", finish="stop", usage=None, message=None, **fields):
    said = {"role": "assistant", "content": content} | (message or {})
    usage = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15} if usage is None else usage
    choice = {"index": 0, "message": said, "finish_reason": finish}
    return {"id": "c", "object": "chat.completion", "model": "m", "choices": [choice], "usage": usage} | fields


def anthropic(content="the answer", finish="end_turn", **fields):
    content = [{"type": "text", "text": content}] if isinstance(content, str) else content
    usage = {"input_tokens": 10, "output_tokens": 5}
    return {
        "id": "m",
        "type": "message",
        "model": "m",
        "content": content,
        "stop_reason": finish,
        "usage": usage,
    } | fields


def without(body, name):
    return {key: value for key, value in body.items() if key != name}


THOUGHT = [{"type": "thinking", "thinking": [{"type": "text", "text": "hm"}]}, {"type": "text", "text": "the answer"}]
OPENAI_USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "prompt_tokens_details": {"cached_tokens": 4}}
REPLIES = {  # form: (protocol, body, text, thoughts, finish, usage)
    "OpenAI": ("openai", openai(usage=OPENAI_USAGE), "the answer", "", "stop", USED | {"cached_tokens": 4}),
    "OpenAI, refusal": (
        "openai", openai(None, message={"refusal": "I cannot."}), "I cannot.", "", "refusal", USED,
    ),
    "Azure, filter results beside": (
        "openai", openai(prompt_filter_results=[], message={"content": "the answer", "annotations": []}),
        "the answer", "", "stop", USED,
    ),
    "Azure, filtered": ("openai", openai(None, "content_filter"), "", "", "content_filter", USED),
    "vLLM, reasoning_content": (
        "openai", openai(message={"reasoning_content": "hm"}), "the answer", "hm", "stop", USED,
    ),
    "vLLM, reasoning": (
        "openai", openai(message={"reasoning": "hm", "tool_calls": []}, usage=USED | {"total_tokens": 15}),
        "the answer", "hm", "stop", USED,
    ),
    "both names of one thought": (
        "openai", openai(message={"reasoning": "hm", "reasoning_content": "hm"}), "the answer", "hm", "stop", USED,
    ),
    "OpenRouter, reasoning_details": (
        "openai", openai(message={"reasoning_details": [{"type": "reasoning.text", "text": "hm"}]}),
        "the answer", "hm", "stop", USED,
    ),
    "DeepSeek, cache hits and thoughts": (
        "openai",
        openai(usage=USED | {"prompt_cache_hit_tokens": 8}, message={"reasoning_content": "hm"}),
        "the answer", "hm", "stop", USED | {"cached_tokens": 8},
    ),
    "a thought in tags": ("openai", openai("<think>hm</think>\n\nthe answer"), "the answer", "hm", "stop", USED),
    "a thought whose tag the template began": (
        "openai", openai("hm</think>the answer"), "the answer", "hm", "stop", USED,
    ),
    "Mistral, parts": ("openai", openai(THOUGHT), "the answer", "hm", "stop", USED),
    "Mistral, length": ("openai", openai("the ans", "model_length"), "the ans", "", "length", USED),
    "parts that are texts": ("openai", openai(["the ", "answer"]), "the answer", "", "stop", USED),
    "JSON that the server has parsed": ("openai", openai({"0->1": "x"}), '{"0->1": "x"}', "", "stop", USED),
    "Ollama": ("openai", openai(system_fingerprint="fp_ollama"), "the answer", "", "stop", USED),
    "LM Studio, stats": ("openai", openai(stats={}, usage={}), "the answer", "", "stop", {}),
    "llama.cpp, timings": (
        "openai", openai(timings={"n": 1}, usage=USED | {"total_tokens": 15}), "the answer", "", "stop", USED,
    ),
    "Gemini, thoughts in the sum only": (
        "openai", openai(usage=USED | {"total_tokens": 115}), "the answer", "", "stop",
        {"prompt_tokens": 10, "completion_tokens": 105},
    ),
    "finish in capitals": ("openai", openai("the ans", "MAX_TOKENS"), "the ans", "", "length", USED),
    "finish of a wrong type": ("openai", openai(finish=3), "the answer", "", "", USED),
    "no finish, no model": ("openai", without(openai(finish=None), "model"), "the answer", "", "", USED),
    "text in place of message": (
        "openai", openai(choices=[{"text": "the answer", "finish_reason": "stop"}]), "the answer", "", "stop", USED,
    ),
    "usage null": ("openai", openai() | {"usage": None}, "the answer", "", "stop", {}),
    "usage missing": ("openai", without(openai(), "usage"), "the answer", "", "stop", {}),
    "usage a list": ("openai", openai(usage=[]), "the answer", "", "stop", {}),
    "usage a text": ("openai", openai(usage="15"), "the answer", "", "stop", {}),
    "usage zeros": ("openai", openai(usage=dict.fromkeys(USED, 0)), "the answer", "", "stop", {}),
    "usage nulls": ("openai", openai(usage=dict.fromkeys(USED)), "the answer", "", "stop", {}),
    "usage texts": ("openai", openai(usage=dict.fromkeys(USED, "9")), "the answer", "", "stop", {}),
    "usage booleans": ("openai", openai(usage=dict.fromkeys(USED, True)), "the answer", "", "stop", {}),
    "usage negative": ("openai", openai(usage=dict.fromkeys(USED, -3)), "the answer", "", "stop", {}),
    "usage total only": ("openai", openai(usage={"total_tokens": 15}), "the answer", "", "stop", {}),
    "usage of one side only": ("openai", openai(usage={"prompt_tokens": 15}), "the answer", "", "stop", {}),
    "usage with fractions": (
        "openai", openai(usage={"prompt_tokens": 10.0, "completion_tokens": 5.0}), "the answer", "", "stop", USED,
    ),
    "more cached than sent": (
        "openai", openai(usage=USED | {"prompt_cache_hit_tokens": 10**9}), "the answer", "", "stop", USED,
    ),
    "a lone surrogate": (
        "openai", json.dumps(openai("a\ud800b", model="m\ud800")).encode(), "a?b", "", "stop", USED,
    ),
    "a byte order mark": ("openai", openai("\ufeffthe answer"), "the answer", "", "stop", USED),
    "brackets 5,000 deep": ("openai", openai("[" * 5000), "[" * 5000, "", "stop", USED),
    "Anthropic": (
        "anthropic", anthropic(), "the answer", "", "stop", USED | {"cached_tokens": 0, "cache_write_tokens": 0},
    ),
    "Anthropic, thinking": (
        "anthropic",
        anthropic([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "redacted_thinking", "data": "x"},
                   {"type": "text", "text": "the answer"}], usage=None),
        "the answer", "hm", "stop", {},
    ),
    "Anthropic, cached": (
        "anthropic",
        anthropic(usage={"input_tokens": 3, "output_tokens": 5, "cache_read_input_tokens": 6,
                         "cache_creation_input_tokens": 1}),
        "the answer", "", "stop", USED | {"cached_tokens": 6, "cache_write_tokens": 1},
    ),
    "compatible, no usage": ("anthropic", without(anthropic(), "usage"), "the answer", "", "stop", {}),
    "compatible, usage null": ("anthropic", anthropic(usage=None), "the answer", "", "stop", {}),
    "compatible, usage nulls": (
        "anthropic", anthropic(usage={"input_tokens": None, "output_tokens": None}), "the answer", "", "stop", {},
    ),
    "compatible, content a text": (
        "anthropic", without(anthropic(), "usage") | {"content": "the answer"}, "the answer", "", "stop", {},
    ),
    "compatible, other blocks": (
        "anthropic", anthropic([None, 3, {"type": "text"}, {"type": "text", "text": "the answer"}], usage=[]),
        "the answer", "", "stop", {},
    ),
    "Anthropic, refusal": ("anthropic", anthropic([], "refusal", usage=None), "", "", "refusal", {}),
}  # fmt: skip


@pytest.mark.parametrize("form", REPLIES)
def test_a_reply_of_this_form_is_read(form, serve, tmp_path):
    protocol, body, text, thoughts, finish, usage = REPLIES[form]
    server, llm = serve(protocol, lambda asked, count: (200, body))
    reply = ask(Recorder(tmp_path / "transcript.jsonl", llm))
    assert (reply.text, reply.thoughts, reply.finish, reply.usage) == (text, thoughts, finish, usage)
    assert len(server.requests) == 1
    assert ask(Recorder(tmp_path / "transcript.jsonl", None)) == reply  # and reads the same from disk


NO_REPLY = {  # form: (protocol, body)
    "content null": ("openai", openai(None)),
    "content missing": ("openai", openai(choices=[{"message": {"role": "assistant"}, "finish_reason": "stop"}])),
    "blanks": ("openai", openai(" \n\t ")),
    "only a thought": ("openai", openai(None, message={"reasoning_content": "hm"})),
    "only a thought in tags": ("openai", openai("<think>hm, |none~0|</think>")),
    "no choices": ("openai", openai(choices=[])),
    "choices null": ("openai", openai(choices=None)),
    "a choice that is none": ("openai", openai(choices=[None])),
    "blanks of Anthropic's form": ("anthropic", anthropic(" \n ")),
    "content null of Anthropic's form": ("anthropic", anthropic(None)),
    "content empty of Anthropic's form": ("anthropic", anthropic([])),
}


@pytest.mark.parametrize("form", NO_REPLY)
def test_a_reply_of_blanks_is_an_empty_reply_and_is_asked_for_again_three_times_at_most(form, serve):
    protocol, body = NO_REPLY[form]
    good = openai() if protocol == "openai" else anthropic()
    server, llm = serve(protocol, lambda asked, count: (200, body if count < 3 else good))
    assert ask(llm).text == "the answer" and len(server.requests) == 3
    server, llm = serve(protocol, lambda asked, count: (200, body))
    with pytest.raises(LLMError, match="the reply was empty 3 times in a row"):
        ask(llm)
    assert len(server.requests) == 3


CUT = {  # form of a reply that was cut off by the token limit before an answer began
    "reasoning_content": openai(None, "length", message={"reasoning_content": "the cell is |none~0|"}),
    "a tag that is not closed": openai("<think>the cell is |none~0|", "length"),
    "empty": openai("", "length"),
    "`stop` at the limit": openai("", "stop", usage={"prompt_tokens": 9, "completion_tokens": 10_000}),
    "Mistral's name": openai([THOUGHT[0]], "model_length"),
    "Anthropic": anthropic([{"type": "thinking", "thinking": "hm"}], "max_tokens"),
}


@pytest.mark.parametrize("form", [form for form in CUT if "stop" not in form])
def test_a_model_that_was_cut_off_while_it_thought_is_asked_again_with_more_room(form, serve, tmp_path):
    protocol = "anthropic" if form == "Anthropic" else "openai"
    good = openai() if protocol == "openai" else anthropic()
    server, llm = serve(protocol, lambda asked, count: (200, good if asked["max_tokens"] > 4000 else CUT[form]))
    reply = ask(Recorder(tmp_path / "transcript.jsonl", llm))
    assert reply.text == "the answer"
    asked = [body["max_tokens"] for _, body in server.requests]
    assert asked == ([400, 2448, 4496] if protocol == "openai" else [2448, 4496])
    ask(llm)
    assert server.requests[-1][1]["max_tokens"] == 4496  # it is remembered


@pytest.mark.parametrize("form", [form for form in CUT if "stop" not in form])
def test_a_model_that_only_thinks_ends_in_a_sentence_and_every_request_counts(form, serve, tmp_path):
    protocol = "anthropic" if form == "Anthropic" else "openai"
    server, llm = serve(protocol, lambda asked, count: (200, CUT[form]))
    with pytest.raises(LLMError, match=r"thought through its whole allowance of 8592 tokens.*SEKI_THINKING=16384"):
        ask(Recorder(tmp_path / "transcript.jsonl", llm, budget=Budget(tmp_path)))
    assert len(server.requests) == (4 if protocol == "openai" else 3)
    assert all("error" in line for line in read_lines(tmp_path / "transcript.jsonl"))
    took = Budget(tmp_path).spent()
    assert took["calls"] == len(server.requests) and took["tokens"] == 15 * len(server.requests)
    assert sum(totals(tmp_path / "transcript.jsonl")["tokens"].values()) == took["tokens"]


def test_an_empty_reply_at_the_limit_was_cut_off_whatever_the_server_calls_it(serve):
    cut = openai("", "stop", usage={"prompt_tokens": 9, "completion_tokens": 400})
    server, llm = serve("openai", lambda asked, count: (200, openai() if asked["max_tokens"] > 400 else cut))
    assert ask(llm).text == "the answer" and len(server.requests) == 2


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_the_setting_says_how_much_a_model_may_think_on_any_endpoint(protocol, serve, monkeypatch):
    good = openai() if protocol == "openai" else anthropic()
    monkeypatch.setenv("SEKI_THINKING", "5000")
    server, llm = serve(protocol, lambda asked, count: (200, good))
    ask(llm)
    _, llm = serve(protocol, lambda asked, count: (200, good), thinking=7)
    assert server.requests[0][1]["max_tokens"] == 5400 and llm.headroom == 7
    monkeypatch.setenv("SEKI_THINKING", "much")
    with pytest.raises(LLMError, match="SEKI_THINKING=much is no number of tokens"):
        serve(protocol, lambda asked, count: (200, good))


def test_a_reply_that_was_cut_off_is_no_answer_of_a_resumed_run(serve, tmp_path):
    server, llm = serve("openai", lambda asked, count: (200, openai()))
    path = tmp_path / "transcript.jsonl"
    ask(Recorder(path, llm))
    line = json.loads(path.read_text()) | {"reply": "<think>|none~0|", "finish": "length"}
    path.write_text(json.dumps(line) + "\n")
    assert ask(Recorder(path, llm)).text == "the answer" and len(server.requests) == 2


OVERFLOW = {
    "vLLM": "'max_tokens' or 'max_completion_tokens' is too large: 2448. This model's maximum context length is 2048 "
    "tokens and your request has 20 input tokens (2448 > 2048 - 20).",
    "older vLLM": "This model's maximum context length is 2048 tokens. However, you requested 2468 tokens.",
    "DeepSeek": "Invalid max_tokens value, the valid range of max_tokens is [1, 1024]",
    "Groq": "`max_tokens` must be less than or equal to `1024`",
}


@pytest.mark.parametrize("form", OVERFLOW)
def test_a_server_with_a_small_context_is_asked_for_less_room(form, serve):
    def answer(asked, count):
        if asked["max_tokens"] > 1000:
            return 400, {"error": {"message": OVERFLOW[form]}}
        return 200, CUT["empty"] if asked["max_tokens"] < 900 else openai()

    server, llm = serve("openai", answer)
    assert ask(llm).text == "the answer"
    assert [body["max_tokens"] for _, body in server.requests] == [400, 2448, 1424, 912]


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
    good = openai('{"reply": "a b"}') if protocol == "openai" else anthropic('{"reply": "a b"}')
    server, llm = serve(protocol, lambda asked, count: (status, error) if refused(asked) else (200, good))
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
    "a list of texts": ("openai", 422, {"detail": ["first", {"msg": "second"}]}, "first; second"),
    "JSON 5,000 deep": ("openai", 400, b'{"error":' * 5000 + b"1" + b"}" * 5000, "HTTP 400"),
    "a lone surrogate": ("openai", 400, json.dumps({"error": {"message": "a\ud800b"}}).encode(), r"HTTP 400: a\?b"),
    "a long prompt": ("openai", 400, {"error": {"message": "maximum context length is 9 tokens"}}, "maximum context"),
    "a key": ("openai", 403, {"error": "no"}, "the key in OPENAI_API_KEY was refused"),
    "not implemented": ("openai", 501, {"error": "chat is not implemented"}, "chat is not implemented"),
}  # fmt: skip


@pytest.mark.parametrize("form", FATAL)
def test_an_error_that_nothing_mends_is_said_at_once_in_the_server_s_words(form, serve, clock, tmp_path):
    protocol, status, body, words = FATAL[form]
    server, llm = serve(protocol, lambda asked, count: (status, body))
    with pytest.raises(LLMError, match=words) as error:
        ask(Recorder(tmp_path / "transcript.jsonl", llm), schema=CHOICE)
    assert "\n" not in str(error.value) and len(str(error.value)) < 700
    assert len(server.requests) == 1 and clock.waits == []


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
@pytest.mark.parametrize("around", ["{} ", "\n{}\n", "“{}”", "'{}'", '"{}"'])
def test_blanks_and_quotes_around_a_key_and_an_address_are_taken_off(protocol, around, serve, monkeypatch):
    good = openai() if protocol == "openai" else anthropic()
    server, llm = serve(protocol, lambda asked, count: (200, good), address=around)
    monkeypatch.setenv(f"{protocol.upper()}_API_KEY", around.format(KEY))
    assert ask(llm).text == "the answer"
    headers = {name.lower(): value for name, value in server.requests[0][0].items()}
    assert headers.get("x-api-key", headers.get("authorization", "").removeprefix("Bearer ")) == KEY


ADDRESSES = ["127.0.0.1:8000/v1", "localhost/v1", "http//host/v1", "http://a b/v1", "http://[::1/v1", "ftp://host/v1",
             "http://host:port/v1", "http://host/v1/chat/completions", "http://host/v1/chat/completions/", "http://",
             "http://host/v1/messages", "http://h“ost/v1"]  # fmt: skip


@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
@pytest.mark.parametrize("address", ADDRESSES)
def test_a_wrong_address_is_named_before_anything_is_sent(protocol, address, serve, clock):
    _, llm = serve(protocol, None, address=address)
    with pytest.raises(LLMError, match=rf"{protocol.upper()}_BASE_URL=.*: a base URL looks like http"):
        ask(llm)
    assert clock.waits == []


def test_a_key_that_no_header_carries_is_named_and_not_shown(serve, monkeypatch):
    _, llm = serve("openai", None)
    monkeypatch.setenv("OPENAI_API_KEY", "sk-secretsecret…secretsecret")
    with pytest.raises(LLMError, match="OPENAI_API_KEY holds '…', which no key has") as error:
        ask(llm)
    assert "secretsecret" not in str(error.value)


@pytest.mark.parametrize("variable", ["ALL_PROXY", "all_proxy"])
@pytest.mark.parametrize("protocol", ["openai", "anthropic"])
def test_a_socks_proxy_is_one_sentence_that_names_the_variable_and_the_package(variable, protocol, serve, monkeypatch):
    _, llm = serve(protocol, None)
    monkeypatch.setenv(variable, "socks5://127.0.0.1:1080")
    with pytest.raises(
        LLMError, match=rf"the proxy in {variable} cannot be used: .*'socksio' package is not installed"
    ):
        ask(llm)
    monkeypatch.setenv(variable, "nonsense://127.0.0.1:1080")
    with pytest.raises(LLMError, match=rf"the proxy in {variable} cannot be used: Unknown scheme"):
        ask(llm)


@pytest.mark.parametrize(
    "text", ['{"reply": "a b"}', '```json\n{"reply": "a b"}\n```', '<think>x</think>{"reply":"a b"}']
)
def test_a_choice_that_was_wrapped_is_unwrapped(text, serve):
    _, llm = serve("openai", lambda asked, count: (200, openai(text)))
    assert ask(llm, schema=CHOICE).text == "a b"


@pytest.mark.parametrize("usage", [None, {}, [], dict.fromkeys(USED, 0), {"total_tokens": 5}])
def test_a_server_that_does_not_say_what_it_took_is_counted_at_the_worst(usage, serve, tmp_path):
    _, llm = serve("openai", lambda asked, count: (200, openai() | {"usage": usage}))
    assert ask(Recorder(tmp_path / "t.jsonl", llm, budget=Budget(tmp_path))).usage == {}
    assert Budget(tmp_path, Limits()).spent()["tokens"] > 1400


def test_thoughts_stay_in_the_transcript_and_are_in_no_reply(serve, tmp_path):
    _, llm = serve("openai", lambda asked, count: (200, openai(message={"reasoning": f"hm, {KEY}"})))
    reply = ask(Recorder(tmp_path / "t.jsonl", llm))
    (line,) = read_lines(tmp_path / "t.jsonl")
    assert (reply.text, reply.thoughts) == ("the answer", "hm, [secret]") and line["thoughts"] == reply.thoughts
    assert isinstance(reply, Completion) and line["reply"] == "the answer"
