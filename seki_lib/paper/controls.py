"""Notebooks 21 and 22: did the LLM help or remember, and what do public data say of the printed numbers?

The main arms are part of a profile; `make controls` adds all of them, for as many seeds as asked for. Arms that ask no
LLM need nothing: the notebook runs them, for many seeds.
"""

from ..search.arms import ARMS
from . import table3
from .needs import Edition, Memory, Need, Report, Search

MAIN = {  # profile -> the arms that are run without being asked for, and for how many seeds
    "smoke": (("scores_shuffled", "symbols"), 1),
    "laptop": (("scores_shuffled", "self_evolution_only"), 2),
}
ASKING = tuple(name for name, arm in ARMS.items() if arm.asks)


def searches(edition: Edition) -> tuple[Search, ...]:
    """The searches of the arms that ask an LLM; SEKI itself first."""
    arms, seeds = MAIN.get(edition.name, ((), 0))
    found = [_arm(arm, seed) for seed in edition.seeds[:seeds] for arm in arms]
    for seed in edition.control_seeds:
        found += [_arm(arm, seed) for arm in ASKING]
        found.append(Search("nas201", "cifar10", seed, evaluator="analog"))
    return tuple(dict.fromkeys([*table3.searches(edition), *found]))


def _arm(arm: str, seed: int) -> Search:
    return Search("nas201", "cifar10", seed, arm="" if arm == "seki" else arm)


def report(edition: Edition) -> Report:
    """Notebook 21."""
    needs: tuple[Need, ...] = searches(edition)
    needs += (Memory(),) if edition.control_seeds or edition.name == "smoke" else ()
    tables, figures = ("controls", "memory_ladder"), ("controls_arms", "controls_regret", "memory_ladder")
    return Report("21_controls", needs, tables, figures, ("llm",), decided_by=("inputs", "controls"))


def audit(edition: Edition) -> Report:
    """Notebook 22. It reads tables of others and counts networks."""
    return Report("22_audit", (), ("audit",))
