"""The memory ladder of notebook 21: what changes when an LLM cannot know the benchmark's words, or is misled by them.

prior = a - b (full names minus letters), misled = b - c (letters minus names that trade places), feedback = b - e
(letters minus letters with scores that trade places); each over the seeds that both rungs have.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from ..files.jsonl import read_if_whole
from ..results import Home, by_llm
from ..search.arms import LADDER
from .controls import COLUMN, Outcome, against
from .statistics import Estimate, mean
from .tables import Cell, Table, not_run

RUNGS = {
    "a": "a: full names", "b": "b: letters", "c": "c: names permuted", "d": "d: edges relabelled",
    "e": "e: letters, scores shuffled", "f": "f: letters, lower is better",
}  # fmt: skip
DIFFERENCES = {"prior": ("a", "b"), "misled": ("b", "c"), "feedback": ("b", "e")}
COLUMNS = RUNGS | {
    **{name: f"{name} = {one} - {other}" for name, (one, other) in DIFFERENCES.items()},
    "best": "g: rank of the cell recalled as the best",
    "accuracy": "g: its recalled accuracy (%)",
    "completions": "g: share of completions that are no better",
    "analog": "h: the search on analog-nasbench",
    "tau_names": "i: τ of a blind ranking, names",
    "tau_symbols": "i: the same, letters",
}
ASK = "make controls"


def llms_here(homes: Sequence[Home], first: str) -> list[str]:
    """LLMs that have finished a rung, the given one first."""
    found = [llm for home in homes for variant in (*(f"arm={arm}" for arm in LADDER.values()), "evaluator=analog")
             for llm in by_llm(home.finished_searches("nas201", "cifar10", variant=variant))]  # fmt: skip
    return list(dict.fromkeys([first, *found]))


def difference(arms: Mapping[str, Outcome], name: str) -> Estimate | None:
    """prior, misled or feedback of one LLM; None where a rung is missing."""
    one, other = (arms.get(LADDER[rung]) for rung in DIFFERENCES[name])
    return against(one.values, other.values) if one and other else None


def remembered(home: Home, llm: str) -> dict[str, Estimate]:
    """Rungs g and i of one LLM, if `seki memory` has asked it: means with intervals."""
    found = read_if_whole(home.memory("nas201", llm) / "result.json")
    if not found:
        return {}
    said = {name: [one for one in found[name] if one is not None] for name in ("best", "accuracy", "completions")}
    values: dict[str, list[float]] = {
        **said, "best": [one["rank"] for one in said["best"]],
        "tau_names": found["tau"]["names"], "tau_symbols": found["tau"]["symbols"],
    }  # fmt: skip
    return {name: mean(each) for name, each in values.items() if each}


def analog(home: Home, llm: str) -> Estimate | None:
    """Rung h of one LLM: the accuracy of its final cells in the independent training."""
    searches = home.finished_searches("nas201", "cifar10", llm, "evaluator=analog")
    return mean([search.result["final"][COLUMN] for search in searches]) if searches else None


def ladder_table(by: Mapping[str, Mapping[str, Outcome]], homes: Sequence[Home], profile: str) -> Table:
    """One row an LLM. by: LLM -> its arms; homes: where the answers of `seki memory` are, the first that has them."""
    table = Table("memory_ladder", f"The memory ladder on NAS-Bench-201, test accuracy (%), profile {profile}", COLUMNS)
    for llm, arms in by.items():
        cells: dict[str, Any] = dict.fromkeys(COLUMNS, not_run(ASK))
        for rung in RUNGS:
            if found := arms.get(LADDER[rung]):
                values = mean(list(found.values.values()))
                cells[rung] = Cell(
                    f"{values.text()} (n = {values.n})", found.provenance, "test accuracy of final cells"
                )
        for name in DIFFERENCES:
            if (estimate := difference(arms, name)) is not None:
                told = "" if estimate.is_decided else ", not told from zero"
                text = f"{estimate.text(sign=True)} (n = {estimate.n}{told})"
                cells[name] = Cell(text, arms[LADDER["b"]].provenance, "paired by seed")
        for home in homes:
            for name, estimate in remembered(home, llm).items():
                if cells[name].provenance == "not run":
                    digits = 0 if name == "best" else 2
                    text = f"{estimate.text(digits=digits)} (n = {estimate.n})"
                    cells[name] = Cell(text, "measured" if home is homes[0] else "replayed", "seki memory")
            if cells["analog"].provenance == "not run" and (estimate := analog(home, llm)):
                where = "measured" if home is homes[0] else "replayed"
                cells["analog"] = Cell(f"{estimate.text()} (n = {estimate.n})", where, "analog-nasbench 0.1.3")
        table.add(llm, cells)
    table.notes = list(NOTES)
    return table


NOTES = (
    "Brackets are 95 % bootstrap intervals over seeds, sets or questions, wider for few of them (expanded "
    "percentiles, arXiv 1411.5279). Rungs a to f differ from SEKI in what the LLM reads only; the order in which a "
    "prompt lists the operations is drawn by the seed. Small LLMs that are asked in words of one token "
    "(docs/embedded_llm.md) read those as the names.",
    "prior above zero: names help, by knowledge of operations or of the benchmark. misled above zero: wrong names "
    "cost. feedback above zero: the scores and their order help. Without an LLM prior and misled are zero (a test "
    "holds it).",
    "By chance the rank of a recalled cell is about 7,800 of 15,625, half of the completions are no better, and τ is "
    "0. A value far from chance on the good side is a sign of knowledge, of this benchmark or of networks.",
)


def verdict(estimates: Mapping[str, Estimate | None]) -> str:
    """What the three differences decide, in one sentence."""
    says = []
    for name, estimate in estimates.items():
        if estimate is None or np.isnan(estimate.low):
            says.append(f"{name} was not measured with four seeds or more")
        elif estimate.is_decided:
            says.append(f"{name} is {estimate.text(sign=True)} points")
        else:
            says.append(f"{name}, {estimate.text(sign=True)}, is not told from zero")
    return "; ".join(says) + "."
