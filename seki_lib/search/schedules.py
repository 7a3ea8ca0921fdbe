"""Rounds in another order than Algorithm 1's, of the same questions and by the same ladder of replies."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from ..spaces.base import ReplySchema
from . import questions
from .algorithm import initial, score_and_store
from .replies import Answer, ask, ask_architecture, require_llm
from .repository import Record
from .state import Exchange, Search, Step


def hybrid(share: float) -> Callable[[Search], Iterator[Step]]:
    """Local search in which the LLM chooses the neighbour in this share of the steps, drawn by the seed.

    It moves to the first better neighbour of a new class; where none is left it begins anew at a random cell.
    """

    def rounds(search: Search) -> Iterator[Step]:
        require_llm(search)
        yield from initial(search)
        for i in range(len(search.repository.records), search.config.rounds + 1):
            cell = search.space.parse(climbed(search.repository.records).architecture)
            new = {text: arch for text, arch in search.new_edits(cell).items() if not search.is_known(arch)}
            if not new:
                yield from score_and_store(search, i, "restart", Answer(new_start(search, i), "drawn"))
                continue
            answer = Answer(search.random(i, "neighbor").choice(list(new.values())), "drawn")
            if search.random(i, "hybrid").random() < share:
                exchanges: list[Exchange] = []
                reply = ask(search, questions.one_change(search, i, cell), exchanges)
                chosen = new.get(reply)
                answer = Answer(chosen or answer.architecture, "llm" if chosen else "fallback", exchanges)
            yield from score_and_store(search, i, "local_search", answer)

    return rounds


def climbed(records: Sequence[Record]) -> Record:
    """Where local search stands after these records: the last cell that was better than where it stood."""
    at = records[0]
    for record in records[1:]:
        if record.stage == "restart" or record.score > at.score:
            at = record
    return at


def new_start(search: Search, i: int) -> Any:
    """A random cell of a class that was not evaluated."""
    rng = search.random(i, "restart")
    while search.is_known(arch := search.space.random(rng)):
        pass
    return arch


def principles_first(search: Search) -> Iterator[Step]:
    """Each round asks what ξ of the k best cells have in common, then for a cell by these principles alone.

    An LLM that answers C with one single change chooses here from short principles in place of writing them.
    """
    require_llm(search)
    yield from initial(search)
    for i in range(len(search.repository.records), search.config.rounds + 1):
        exchanges: list[Exchange] = []
        short = [f"{much} {word}" for word in search.notation.spelling for much in ("many", "few")]
        schema = ReplySchema.one_of(short) if search.config.strategy == "edit" else None
        question = replace(
            questions.inspire(search, i), schema=schema, seed=search.seed(i, "principles"),
            max_tokens=search.config.critique_tokens,
        )  # fmt: skip
        principles = ask(search, question, exchanges)
        reasoned = search.config.strategy == "reasoned"  # the reply names changes of the cell that prompt D shows
        from_cell = search.repository.records[i - 1] if reasoned else search.repository.best()
        start = search.space.parse(from_cell.architecture)
        answer = ask_architecture(search, questions.refine(search, i, principles), start, exchanges)
        yield from score_and_store(search, i, "knowledge_inspiration", answer)
