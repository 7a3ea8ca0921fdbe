"""The state after a system message is computed once and restored before each call: no order changes a reply."""

from dataclasses import replace

from seki_lib.llm.local import MODELS, LocalLLM

SYSTEM = "You name colours and animals. " * 12
QUESTIONS = ["A colour?", "An animal that flies, and one that swims?", "A colour of the sky at night?"]


def ask(llm, text, system=SYSTEM):
    messages = [{"role": "system", "content": system}, {"role": "user", "content": text}]
    reply = llm.complete(messages, seed=5, max_tokens=12)
    return reply.text


def test_the_same_call_gives_the_same_reply_in_every_order_and_process():
    model = replace(MODELS["smollm2-135m"], chat=True, keeps_system=True)
    first, again = LocalLLM("smollm2-135m", model), LocalLLM("smollm2-135m", model)
    replies = {text: ask(first, text) for text in QUESTIONS}
    assert len(set(replies.values())) > 1
    for order in (QUESTIONS, QUESTIONS[::-1], QUESTIONS[1:] + QUESTIONS[:1]):
        assert {text: ask(first, text) for text in order} == replies
    ask(first, QUESTIONS[0], system="Something else entirely.")
    assert {text: ask(first, text) for text in QUESTIONS} == replies
    assert {text: ask(again, text) for text in QUESTIONS[::-1]} == replies


def test_whether_a_state_is_kept_is_part_of_what_decides_a_run():
    kept = LocalLLM("qwen2.5-coder-0.5b", MODELS["qwen2.5-coder-0.5b"])
    assert kept.settings["keeps_system"] is True
    assert "keeps_system" not in LocalLLM("smollm2-135m", MODELS["smollm2-135m"]).settings
