"""A search whose strategies are one change with its problem and reason in words."""

from itertools import pairwise
from random import Random

from fakes import FakeLLM

from seki_lib.llm import Completion
from seki_lib.prompts import Prompts
from seki_lib.search import Repository, Search, SearchConfig, run

CONFIG = SearchConfig(rounds=12, lam=8, k=4, xi=2, notation="edges", strategy="reasoned")


class Critic(FakeLLM):
    """Draws each reply from the question's schema, a sentence on each free line; it obeys the change that is named."""

    notation, templates, strategy = "edges", "short", "reasoned"

    def answer(self, question):
        schema, prompt = question.schema, question.messages[-1]["content"]
        if question.stage == "refine":
            return Completion(prompt.partition("Change: ")[2].partition("\n")[0])
        lines = {"critique": ("Problem", "Remedy"), "edit": ("Problem", "Remedy"), "inspire": ("Pattern",)}
        before = "".join(f"{name}: It is so.\n" for name in lines[question.stage])
        return Completion(before + schema.draw(Random(question.seed), question.shown))


def make(space, evaluator):
    return Search(space, evaluator, Critic(), Prompts.load("short"), Repository(), CONFIG)


def test_the_words_of_the_critique_reach_the_refine_prompt_and_its_change_is_carried_out(space, evaluator):
    search = make(space, evaluator)
    steps = list(run(search))
    for before, step in pairwise(steps[:9]):
        critique, refine = step.exchanges[:2]
        assert critique.reply.startswith("Problem: It is so.\nRemedy: It is so.\nChange: ")
        assert critique.reply in refine.messages[-1]["content"]
        parent = space.parse(before.record.architecture)
        change = critique.reply.partition("Change: ")[2].partition("\n")[0]
        assert step.record.architecture == space.format(space.edits(parent, "edges")[change])
        assert step.record.how == "llm"


def test_inspiration_names_a_pattern_and_a_known_cell_is_changed_with_a_reason(space, evaluator):
    search = make(space, evaluator)
    steps = list(run(search))
    inspired = [step for step in steps if step.record.stage == "knowledge_inspiration"]
    assert all(step.exchanges[0].reply.startswith("Pattern: It is so.\nNew cell: ") for step in inspired)
    edited = [step for step in inspired if step.record.how == "edited"]
    assert edited and all("Problem: " in step.exchanges[-1].reply for step in edited)
    assert len({step.record.canonical for step in steps}) == 13


def test_every_prompt_holds_the_task_the_space_the_cells_and_their_scores(space, evaluator):
    search = make(space, evaluator)
    steps = list(run(search))
    for step in steps[1:]:
        for exchange in step.exchanges:
            system, user = exchange.messages
            assert evaluator.task in system["content"] and space.describe("edges") in system["content"]
            shown = [r for r in search.repository.records if f"{r.score:.2f}" in user["content"]]
            assert shown and all(space.show(space.parse(r.architecture), "edges") in user["content"] for r in shown[:1])
