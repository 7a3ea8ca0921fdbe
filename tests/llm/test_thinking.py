"""Models that think: cut off, given more room, given less where the server's context is small."""

import json

import pytest
from forms import THOUGHT, anthropic, ask, good, openai

from seki_lib.files.errors import LLMError
from seki_lib.files.jsonl import read_lines
from seki_lib.llm.budget import Budget
from seki_lib.llm.transcript import Recorder, totals

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
    server, llm = serve(
        protocol, lambda asked, count: (200, good(protocol) if asked["max_tokens"] > 4000 else CUT[form])
    )
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
    monkeypatch.setenv("SEKI_THINKING", "5000")
    server, llm = serve(protocol, lambda asked, count: (200, good(protocol)))
    ask(llm)
    _, llm = serve(protocol, lambda asked, count: (200, good(protocol)), thinking=7)
    assert server.requests[0][1]["max_tokens"] == 5400 and llm.headroom == 7
    monkeypatch.setenv("SEKI_THINKING", "much")
    with pytest.raises(LLMError, match="SEKI_THINKING=much is no number of tokens"):
        serve(protocol, lambda asked, count: (200, good(protocol)))


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
