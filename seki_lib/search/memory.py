"""What an LLM knows of NAS-Bench-201 without a search: rungs g and i of the memory ladder.

    seki memory --llm local:smollm2-135m      # asks, and keeps the answers beside their transcript

g, recall: the best cell, its accuracy, and the second half of a cell of which the first half is given. A half has 125
completions; chance gives one in the middle of them. i, blind ranking: ten random cells, without any score, by their
names and by letters; the LLM picks the best of those that are left, nine times. Kendall's τ is 0 by chance.
"""

import re
from collections.abc import Sequence
from random import Random
from typing import Any

from ..evaluators.tabular import Tabular
from ..files.errors import InvalidArchitecture
from ..llm.base import LLM, CallSeed, Question
from ..spaces import get_space
from ..spaces.base import Notation, ReplySchema
from ..spaces.nas201 import NasBench201Cell
from ..spaces.nas201.presented import Presented

CELLS = 10  # that are ranked at once
ASKED = 10  # times that each recall is asked for, with other seeds
KNOWN = "NAS-Bench-201, CIFAR-10, 200 epochs. "


def ask_memory(llm: LLM, evaluator: Tabular, sets: int, seed: int = 0) -> dict[str, Any]:
    """The answers, judged by the table. sets: of ten cells that are ranked; ASKED recalls for ten of them, else fewer.

    `best`: test value and rank of each cell that was named best; `accuracy`: what it was said to have; `completions`:
    the share of the 125 completions of a half that are no better than the LLM's; `tau`: one value a set.
    """
    asked = min(ASKED, sets)
    return {
        "best": [_best(llm, evaluator, CallSeed(seed, i, "best", 0)) for i in range(asked)],
        "accuracy": [_accuracy(llm, CallSeed(seed, i, "accuracy", 0)) for i in range(asked)],
        "completions": [_completion(llm, evaluator, CallSeed(seed, i, "completion", 0)) for i in range(asked)],
        "tau": {
            words: [_ranking(llm, evaluator, seed, i, symbols=words == "symbols") for i in range(sets)]
            for words in ("names", "symbols")
        },
    }


def _asked(llm: LLM, text: str, schema: ReplySchema, seed: CallSeed) -> str:
    return llm.complete(Question([{"role": "user", "content": text}], schema, seed, max_tokens=100)).text


def _best(llm: LLM, evaluator: Tabular, seed: CallSeed) -> dict[str, Any] | None:
    """The cell that the LLM names as the best; None for a reply that names none."""
    space = get_space("nas201")
    text = f"{KNOWN}{space.describe('names')}\nThe cell of the highest test accuracy of the whole benchmark:"
    try:
        arch = space.read(_asked(llm, text, space.reply_schema("names"), seed), "names")
    except InvalidArchitecture:
        return None
    final = evaluator.final(arch)
    return {"architecture": space.format(arch), "rank": evaluator.rank(evaluator(arch).score), "final": final}


def _accuracy(llm: LLM, seed: CallSeed) -> float | None:
    """The highest accuracy of the benchmark as the LLM says it, in %; None for what is no number."""
    schema = ReplySchema(
        {"type": "number"}, 'root ::= [0-9] [0-9] "." [0-9] [0-9]', lambda rng, shown: f"{rng.uniform(10, 99):.2f}"
    )
    reply = _asked(llm, f"{KNOWN}The highest test accuracy of all 15,625 cells, in percent:", schema, seed)
    numbers = [float(number) for number in re.findall(r"(?<![\w.-])[0-9]+(?:\.[0-9]+)?(?!\w)", reply)]
    return next((number for number in reversed(numbers) if number <= 100), None)


def _completion(llm: LLM, evaluator: Tabular, seed: CallSeed) -> float | None:
    """Share of the 125 completions of a random half that do no better than the LLM's; None for a reply that is none."""
    space = get_space("nas201")
    half = space.random(Random(seed)).edges[:3]
    cells = [
        NasBench201Cell((*half, *rest))
        for rest in ((a, b, c) for a in space.operations for b in space.operations for c in space.operations)
    ]
    ends = {space.format(cell).split("+")[2]: cell for cell in cells}
    begin = "+".join(space.format(cells[0]).split("+")[:2])
    text = f"{KNOWN}{space.describe('names')}\nComplete the best cell that begins so:\n{begin}+"
    schema = ReplySchema.one_of(list(ends))
    chosen = ends.get(schema.choice(_asked(llm, text, schema, seed)) or "")
    if chosen is None:
        return None
    score = evaluator(chosen).score
    scores = [evaluator(cell).score for cell in cells]
    return (sum(other < score for other in scores) + sum(other == score for other in scores) / 2) / len(scores)


def _ranking(llm: LLM, evaluator: Tabular, seed: int, number: int, *, symbols: bool) -> float:
    """Kendall's τ of the LLM's order of ten random cells and the table's."""
    from scipy.stats import kendalltau

    rng = Random(CallSeed(seed, number, "ranking", 0))
    space = Presented(rng, symbols=symbols)
    cells, notation = [space.random(rng) for _ in range(CELLS)], space.notation(llm.notation)
    left: dict[NasBench201Cell, None] = dict.fromkeys(cells)
    order: list[NasBench201Cell] = []
    while len(left) > 1:
        place = CallSeed(seed, number, "ranking-symbols" if symbols else "ranking", len(order))
        chosen = _chosen(llm, space, notation, list(left), place)
        order.append(chosen)
        del left[chosen]
    order += left
    truth = [evaluator(cell).score for cell in order]
    return float(kendalltau(range(len(order), 0, -1), truth).statistic)


def _chosen(
    llm: LLM, space: Presented, notation: Notation, left: Sequence[NasBench201Cell], seed: CallSeed
) -> NasBench201Cell:
    """Which of these cells the LLM takes for the best; a random one where it names none of them."""
    shown = {space.show(cell, notation): cell for cell in left}
    subject = "" if space.meanings is False else KNOWN
    text = f"{subject}{space.describe(notation)}\nCells:\n" + "\n".join(shown) + "\nThe best of these cells:"
    schema = ReplySchema.one_of(list(shown))
    reply = _asked(llm, text, schema, seed)
    named = schema.choice(reply)
    return shown[named] if named else Random(seed).choice(list(left))
