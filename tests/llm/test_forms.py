"""What servers really send, one row a form: a body, and what must come of it. A new server's form is a new row."""

import json

import pytest
from forms import CHOICE, THOUGHT, USED, anthropic, ask, good, openai, without
from loopback import KEY

from seki_lib.files.errors import LLMError
from seki_lib.files.jsonl import read_lines
from seki_lib.llm import Completion
from seki_lib.llm.budget import Budget, Limits
from seki_lib.llm.response import parsed
from seki_lib.llm.transcript import Recorder, totals
from seki_lib.report.tables import describe_cost

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
    "an answer as a tool call": (
        "openai", openai(None, message={"tool_calls": [{"function": {"arguments": '{"reply": "x"}'}}]}),
        '{"reply": "x"}', "", "stop", USED,
    ),
    "an answer as a function call, read already": (
        "openai", openai("", message={"function_call": {"name": "reply", "arguments": {"reply": "x"}}}),
        '{"reply": "x"}', "", "stop", USED,
    ),
    "Anthropic, an answer as a tool call": (
        "anthropic", anthropic([{"type": "tool_use", "id": "t", "name": "reply", "input": {"reply": "x"}}]),
        '{"reply": "x"}', "", "stop", USED | {"cached_tokens": 0, "cache_write_tokens": 0},
    ),
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
    server, llm = serve(protocol, lambda asked, count: (200, body if count < 3 else good(protocol)))
    assert ask(llm).text == "the answer" and len(server.requests) == 3
    server, llm = serve(protocol, lambda asked, count: (200, body))
    with pytest.raises(LLMError, match="the reply was empty 3 times in a row"):
        ask(llm)
    assert len(server.requests) == 3


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
    assert "not said by the provider in 1 of them" in describe_cost(totals(tmp_path / "t.jsonl"))


def test_thoughts_stay_in_the_transcript_and_are_in_no_reply(serve, tmp_path):
    _, llm = serve("openai", lambda asked, count: (200, openai(message={"reasoning": f"hm, {KEY}"})))
    reply = ask(Recorder(tmp_path / "t.jsonl", llm))
    (line,) = read_lines(tmp_path / "t.jsonl")
    assert (reply.text, reply.thoughts) == ("the answer", "hm, [secret]") and line["thoughts"] == reply.thoughts
    assert isinstance(reply, Completion) and line["reply"] == "the answer"


def test_a_body_with_comments_before_it_a_mark_behind_it_or_one_damaged_letter_is_read():
    for body in (b': PROCESSING\n\n{"a": "b"}', b'{"a": "b"}\n[DONE]', b'{"a": "b"}\ndata: [DONE]'):
        assert parsed(body) == {"a": "b"}
    assert parsed(b'{"a": "b\xff"}') == {"a": "b\ufffd"}
    assert parsed(b'{"a": 1}\n{"a": 2}') is None  # a stream of parts: the first is no reply
