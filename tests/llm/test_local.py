import json
import re
import urllib.error
import urllib.request
from pathlib import Path
from random import Random

import pytest

from seki_lib import get_llm
from seki_lib.files.assets import fetch
from seki_lib.files.errors import LLMError, UnknownName
from seki_lib.llm import CallSeed
from seki_lib.llm.local import after_space
from seki_lib.spaces import ReplySchema, get_space
from seki_lib.spaces.base import grouped


def ask(llm, text, **options):
    return llm.complete([{"role": "user", "content": text}], **options)


def test_constrained_replies_are_cells_at_first_try_in_few_tokens(embedded, space):
    schema = space.reply_schema("words")
    for seed in range(5):
        completion = ask(embedded, "A cell of a neural network:", schema=schema, seed=seed, max_tokens=40)
        space.read(completion.text, "words")
        assert completion.usage["completion_tokens"] < 40  # indented JSON takes 69
        assert completion.usage["prompt_tokens"] > 4
        assert completion.seconds > 0


def test_a_choice_is_answered_with_one_of_its_texts(embedded):
    choices = ["change edge 1 from pool to large", "change edge 2 from zero to skip"]
    assert ask(embedded, "Which?", schema=ReplySchema.one_of(choices), seed=1, max_tokens=40).text in choices


def test_a_plain_json_schema_is_followed_too(embedded):
    schema = {"type": "object", "properties": {"n": {"type": "integer"}}, "required": ["n"]}
    assert isinstance(json.loads(ask(embedded, "Give n.", schema=schema, seed=1, max_tokens=60).text)["n"], int)


def test_the_same_seed_gives_the_same_reply_in_any_order_of_calls(embedded):
    prompts = ["Neural networks", "The best cell", "A 3x3 convolution"]
    first = [ask(embedded, prompt, seed=7, max_tokens=12).text for prompt in prompts]
    again = [ask(embedded, prompt, seed=7, max_tokens=12).text for prompt in reversed(prompts)]
    assert first == again[::-1]
    assert ask(embedded, prompts[0], seed=8, max_tokens=12).text != first[0]


def test_another_temperature_is_part_of_the_name_and_decides_the_reply():
    cold = get_llm("local:smollm2-135m,temperature=0")
    assert (cold.name, cold.settings["temperature"]) == ("local:smollm2-135m,temperature=0", 0)
    assert cold.notation == get_llm("local:smollm2-135m").notation
    assert len({ask(cold, "Neural networks", seed=seed, max_tokens=12).text for seed in range(3)}) == 1
    with pytest.raises(LLMError, match="its temperature 'hot' is no number from 0 to 5"):
        get_llm("local:smollm2-135m,temperature=hot")


def test_the_loopback_port_is_closed_to_others(embedded):
    ask(embedded, "hello", seed=1, max_tokens=1)
    url = embedded._server.listening_address
    assert url.startswith("http://127.0.0.1:")
    body = json.dumps({"prompt": "hello", "max_tokens": 1}).encode()
    request = urllib.request.Request(f"{url}/v1/completions", body, {"Content-Type": "application/json"})
    with pytest.raises(urllib.error.HTTPError) as error:
        urllib.request.urlopen(request)
    assert error.value.code == 401


def test_a_prompt_that_is_too_long_is_an_llm_error(embedded):
    with pytest.raises(LLMError, match="exceeds the available context size"):
        ask(embedded, "word " * 5000, seed=1, max_tokens=1)


def test_llama_cpp_says_nothing(embedded, capfd):
    ask(embedded, "quiet", seed=1, max_tokens=2)
    assert capfd.readouterr() == ("", "")


def test_an_unknown_llm_lists_the_valid_ones():
    with pytest.raises(UnknownName, match="smollm2-135m"):
        get_llm("local:gpt-17")
    with pytest.raises(UnknownName, match="local:<model>"):
        get_llm("smollm2-135m")


def test_call_seeds_depend_on_every_part_of_the_place():
    places = [
        (0, 1, "critique", 0),
        (1, 1, "critique", 0),
        (0, 2, "critique", 0),
        (0, 1, "refine", 0),
        (0, 1, "critique", 1),
    ]
    assert len({CallSeed(*place) for place in places}) == 5
    assert CallSeed(*places[0]) == CallSeed(*places[0])
    assert all(0 <= CallSeed(*place) < 2**31 for place in places)


def test_a_constrained_reply_may_begin_with_a_space():
    grammar = after_space('root ::= word " " word\nword ::= "a"')
    assert grammar == 'root ::= " "? reply\nreply ::= word " " word\nword ::= "a"'


def test_choices_are_grouped_for_decoding_and_keep_their_text_as_identity():
    arch = get_space("darts").random(Random(0))
    for choices in (list(get_space("darts").edits(arch, "words")), ["one", "two words", 'a "quoted" word']):
        grammar = grouped(choices)
        groups = re.findall(r'("(?:[^"\\]|\\.)*") \(((?:"(?:[^"\\]|\\.)*"(?: \| )?)+)\)', grammar)
        spelled = [
            json.loads(before) + json.loads(word)
            for before, words in groups
            for word in re.findall(r'"(?:[^"\\]|\\.)*"', words)
        ]
        assert sorted(spelled) == sorted(choices) and len(groups) <= len(choices)
        assert ReplySchema.one_of(choices).grammar.count(" | ") == len(choices) - 1


@pytest.fixture
def thinking_template(tmp_path):
    """Makes the embedded model's file with a chat template of models that think; its path.

    The template takes the place of the file's own, byte for byte as long.
    """

    def made(opens: str) -> Path:
        said = "{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}"
        template = f"{{% for message in messages %}}{said}{{% endfor %}}{{{{ '<|im_start|>assistant\\n{opens}' }}}}"
        content = fetch("smollm2-135m").read_bytes()
        start = content.index(b"tokenizer.chat_template") + len("tokenizer.chat_template") + 4  # the value's type
        size = int.from_bytes(content[start : start + 8], "little")
        comment = "{# </think>" + " " * (size - len(template) - len("{# </think>#}")) + "#}"
        path = tmp_path / "thinker.gguf"
        path.write_bytes(content[: start + 8] + (template + comment).encode() + content[start + 8 + size :])
        return path

    return made


def test_a_model_whose_template_opens_a_thought_thinks_within_its_room_and_then_answers_in_form(
    thinking_template, space, monkeypatch, tmp_path
):
    monkeypatch.setenv("SEKI_THINKING", "20")
    thinker = get_llm(f"local:{thinking_template('<think>')}")
    schema = space.reply_schema("names")
    asked = "Which cell is best, and why?"
    replies = [ask(thinker, asked, schema=schema, seed=seed, max_tokens=90) for seed in (3, 4, 3)]
    for reply in replies:
        space.read(reply.text, "names")
        assert reply.thoughts and "think>" not in reply.text + reply.thoughts
        assert len(tokens(thinker, reply.thoughts)) <= 20 < reply.usage["completion_tokens"] <= 20 + 90
    assert [reply.text for reply in replies[:2]] != [reply.text for reply in replies[1:]]
    assert (replies[0].text, replies[0].thoughts) == (replies[2].text, replies[2].thoughts)


def test_no_room_for_thoughts_closes_the_thought_that_the_template_opened(thinking_template, monkeypatch):
    monkeypatch.setenv("SEKI_THINKING", "0")
    thinker = get_llm(f"local:{thinking_template('<think>')}")
    reply = ask(thinker, "Say three words.", seed=3, max_tokens=8)
    assert reply.text and not reply.thoughts and reply.usage["completion_tokens"] <= 8


def test_a_model_that_begins_no_thought_is_asked_as_any_other(thinking_template):
    plain = get_llm(f"local:{thinking_template('')}")
    reply = ask(plain, "Say three words.", schema=ReplySchema.one_of(["one two", "three"]), seed=3, max_tokens=8)
    assert reply.text in ("one two", "three") and not reply.thoughts


def tokens(llm, text):
    return llm._post("/tokenize", {"content": text})["tokens"]
