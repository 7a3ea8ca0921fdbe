"""What the LLM is asked: the prompts C, D and E of the paper, each as a function of the search alone.

A question depends on the repository, the config and the round, and on nothing that ran before. So a notebook can show
the question of any round before it is asked.
"""

from dataclasses import replace
from functools import lru_cache
from random import Random
from typing import Any

from ..llm.base import Question
from ..prompts import Example
from ..spaces.base import Notation, ReplySchema, SearchSpace
from .repository import Record, Repository
from .state import Search


def critique(search: Search, i: int) -> Question:
    """Prompt C of round i, Eq. 1: what is wrong with α(i-1), and what should change?"""
    previous = search.repository.records[i - 1]
    edits = list(search.new_edits(search.space.parse(previous.architecture)))
    schema = None if search.config.strategy == "free" else _for_a_change(search, edits)
    messages = search.prompts.critique(**_cell(search, previous), edits=edits)
    return Question(messages, schema, search.seed(i, "critique"), search.config.critique_tokens)


def refine(search: Search, i: int, strategy: str) -> Question:
    """Prompt D of round i, Eq. 3: carry out the strategy OS(i) on α(i-1).

    It also holds T, Ω and f(α(i-1)), which Eq. 3 leaves out. strategy: OS(i), what the LLM answered to prompt C.
    """
    record = search.repository.records[i - 1]
    parent = _cell(search, record)
    messages = search.prompts.refine(**parent, strategy=strategy)
    question = _for_an_architecture(search, i, "refine", messages, parent["architecture"])
    if search.config.strategy != "reasoned":
        return question
    changes = search.space.change_schema(search.space.parse(record.architecture), search.notation)
    return replace(question, schema=changes)


def inspire(search: Search, i: int) -> Question:
    """Prompt E of round i, line 11: ξ of the k best cells, drawn by the seed, best first."""
    top = search.repository.top(search.config.k)
    drawn = search.random(i, "examples").sample(range(len(top)), min(search.config.xi, len(top)))
    examples = [Example(_shown(search, top[rank].architecture), top[rank].score) for rank in sorted(drawn)]
    messages = search.prompts.inspire(**_subject(search), examples=examples)
    question = _for_an_architecture(search, i, "inspire", messages, *(example.architecture for example in examples))
    if search.config.strategy != "reasoned":
        return question
    schema = ReplySchema.reasoned(search.space.reply_schema(search.notation), "Pattern", "New cell")
    return replace(question, schema=schema)


def one_change(search: Search, i: int, known: Any) -> Question:
    """The kit's own question where the reply of round i was a cell that is known: pick a single change of that cell."""
    record = search.repository.find(search.space.format(search.space.canonical(known)))
    edits = list(search.new_edits(known))
    shown = search.space.show(known, search.notation)
    messages = search.prompts.critique(**_subject(search), architecture=shown, score=record.score, edits=edits)
    return Question(messages, _for_a_change(search, edits), search.seed(i, "edit"), search.config.reply_tokens)


def rehearse(search: Search) -> None:
    """Put all three questions once, of random cells: a template that fails is refused before any round is paid for.

    Raises PromptError.
    """
    space, count = search.space, max(search.config.xi, 1) + 1
    cells = [space.random(Random(seed)) for seed in range(count)]
    texts = [(space.format(cell), space.format(space.canonical(cell))) for cell in cells]
    records = [Record(i, "self_evolution", *text, score=90.0) for i, text in enumerate(texts)]
    shown = replace(search, repository=Repository(records=records))
    critique(shown, 1)
    refine(shown, 1, "a strategy")
    inspire(shown, count)


def _subject(search: Search) -> dict[str, Any]:
    """The task T, its metric, and the space Ω: what every prompt is about."""
    evaluator = search.evaluator
    return {"task": evaluator.task, "metric": evaluator.called, "space": search.space.describe(search.notation)}


def _cell(search: Search, record: Record) -> dict[str, Any]:
    return {**_subject(search), "architecture": _shown(search, record.architecture), "score": record.score}


def _shown(search: Search, text: str) -> str:
    return _as_shown(search.space, text, search.notation)


@lru_cache(4096)
def _as_shown(space: SearchSpace[Any], text: str, notation: Notation) -> str:
    """A record's cell as the prompt spells it: the best ones are shown in many rounds."""
    return space.show(space.parse(text), notation)


def _for_a_change(search: Search, edits: list[str]) -> ReplySchema:
    """One of these changes, after the problem and a remedy in words where the strategy is "reasoned"."""
    change = ReplySchema.one_of(edits)
    if search.config.strategy != "reasoned":
        return change
    return ReplySchema.reasoned(change, "Problem", "Remedy", "Change")


def _for_an_architecture(search: Search, i: int, stage: str, messages: Any, *shown: str) -> Question:
    schema = search.space.reply_schema(search.notation)
    return Question(messages, schema, search.seed(i, stage), search.config.reply_tokens, shown)
