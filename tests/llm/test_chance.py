"""Chance in a model's place: what it draws, from what, and what it refuses."""

from collections import Counter
from random import Random

import pytest

from seki_lib.files.errors import LLMError, UnknownName
from seki_lib.llm import Question, get_llm
from seki_lib.llm.transcript import totals
from seki_lib.profiles import get_profile
from seki_lib.runs import RunSpec, search_run
from seki_lib.spaces import SPACES, get_space
from seki_lib.spaces.base import ReplySchema

SHOWN = ("large large large large large large", "zero zero zero zero zero zero")


def draws(kind, messages, schema, shown=(), count=2000):
    llm = get_llm(f"chance:{kind}")
    return [llm.complete(Question(messages, schema, seed, 99, shown)).text for seed in range(count)]


def test_null_copies_each_part_as_often_as_the_prompt_repeats_its_cell():
    schema = get_space("nas201").reply_schema("words")
    prompt = [{"role": "user", "content": "\n".join([SHOWN[0]] * 3 + [SHOWN[1]])}]
    words = Counter(word for reply in draws("null", prompt, schema, SHOWN) for word in reply.split())
    assert words.keys() == {"large", "zero"} and words["large"] / words.total() == pytest.approx(0.75, abs=0.02)


def test_random_sees_nothing_of_the_prompt():
    schema = get_space("nas201").reply_schema("words")
    words = Counter(word for reply in draws("random", [], schema, SHOWN) for word in reply.split())
    assert len(words) == 5 and all(n / words.total() == pytest.approx(0.2, abs=0.02) for n in words.values())


@pytest.mark.parametrize("kind", ["null", "random"])
def test_of_single_changes_every_one_is_as_likely(kind):
    counts = Counter(draws(kind, [], ReplySchema.one_of(["a", "b", "c", "d"]), ("a",)))
    assert len(counts) == 4 and min(counts.values()) > 430


@pytest.mark.parametrize("space", SPACES.values(), ids=SPACES)
def test_a_mixed_cell_of_any_space_has_the_parts_of_its_parents(space):
    rng = Random(0)
    for _ in range(50):
        cells = [space.random(rng) for _ in range(3)]
        mixed = space.mixed(cells, rng)
        assert space.parse(space.format(mixed)) == mixed and space.mixed(cells[:1], rng) == cells[0]
        shown = tuple(space.show(cell, "words") for cell in cells)
        (reply,) = draws("null", [], space.reply_schema("words"), shown, count=1)
        assert space.read(reply, "words") and reply == draws("null", [], space.reply_schema("words"), shown, count=1)[0]


def test_a_question_in_free_words_has_no_answer_by_chance():
    with pytest.raises(LLMError, match="free words"):
        get_llm("chance:null").complete([{"role": "user", "content": "Why?"}])
    with pytest.raises(UnknownName, match="null"):
        get_llm("chance:other")


def test_a_search_by_chance_costs_nothing_and_says_so(tmp_path, table):
    folder = search_run(RunSpec("nas201", "cifar10", "chance:null", "smoke", 8), get_profile("smoke"), tmp_path)
    assert totals(folder / "transcript.jsonl")["dollars"] == 0.0
