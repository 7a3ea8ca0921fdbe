"""Warn before the rounds of a search begin if MAX_USD, MAX_TOKENS or MAX_CALLS may be too low for them.

`llm.budget` keeps the bounds themselves, call by call. This module only estimates: repeated questions and the LLM's
thoughts come on top.
"""

import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..files.jsonl import read_json
from ..files.run_folder import read_rounds
from ..llm import get_llm
from ..llm.budget import KINDS, Budget
from ..llm.prices import as_of, price_of
from ..paper import Edition, Search, needs_of
from ..paper.settings import longest
from ..results import Home

Rounds = Mapping[str, tuple[int, int]]  # space -> rounds of self-evolution and of inspiration that are left


def warn_of_bounds(llm: str, rounds: Rounds, home: Home) -> None:
    """One warning on standard error for each bound that the estimate of these rounds exceeds."""
    budget = Budget(home.folder)
    bounds = {kind: bound for kind, bound in asdict(budget.limits).items() if bound is not None}
    if not bounds or llm.startswith("replay:") or not any(map(any, rounds.values())):
        return
    need, source = estimate(llm, rounds, home)
    spent = read_json(budget.path) if budget.path.exists() else dict.fromkeys(KINDS, 0)
    for kind, bound in bounds.items():
        if need[kind] is not None and spent[kind] + need[kind] > bound:
            takes, took = (f"{value:.4f}" if kind == "usd" else f"{value:,}" for value in (need[kind], spent[kind]))
            print(
                f"seki: MAX_{kind.upper()}={bound:g} may not be enough: {sum(map(sum, rounds.values()))} rounds take "
                f"about {takes}, and {took} is spent ({source}). Where the bound is reached the search stops; with a "
                "higher one the same command goes on.",
                file=sys.stderr, flush=True,
            )  # fmt: skip


def estimate(llm: str, rounds: Rounds, home: Home) -> tuple[dict[str, Any], str]:
    """What these rounds take if no question is repeated: calls, tokens, usd (None without a price); and the sources."""
    from .cost.rates import asking  # brings torch along: needed where there are bounds only

    price, sources = price_of(llm, hosted=get_llm(llm).hosted), []
    need: dict[str, Any] = {"calls": 0, "tokens": 0, "usd": 0.0 if price else None}
    for space, (evolve, inspire) in rounds.items():
        asked = asking(llm, space, home)
        tokens, _ = asked.of((evolve, inspire))
        need["calls"] += 2 * evolve + inspire
        need["tokens"] += sum(tokens.values())
        need["usd"] = need["usd"] + price.dollars(tokens) if price else None
        sources.append(asked.source)
    return need, "; ".join([*dict.fromkeys(sources), *([f"prices as of {as_of()}"] if need["usd"] else [])])


def rounds_of(edition: Edition, home: Home, *only: str) -> Rounds:
    """The rounds that the searches of an edition still have to ask for. only: those of these reports."""
    found: dict[str, tuple[int, int]] = {}
    for need in needs_of(edition, *only):
        if isinstance(need, Search) and need.until is None:
            before, left = found.get(need.space, (0, 0)), rounds_left(need, edition, home.results)
            found[need.space] = (before[0] + left[0], before[1] + left[1])
    return found


def rounds_left(need: Search, edition: Edition, results: Path) -> tuple[int, int]:
    """Rounds of self-evolution and of inspiration that a search still has to ask for. A fork shares self-evolution."""
    setting, folder = need.setting, need.spec(edition).folder(results)
    lam = setting.lam if setting else edition.profile.lam
    evolve, inspire = stages_left(folder, edition.profile.rounds, lam)
    return (0 if setting and setting != longest(edition.grid(need.seed)) else evolve), inspire


def stages_left(folder: Path, rounds: int, lam: int) -> tuple[int, int]:
    """Rounds of self-evolution and of inspiration that the history in this folder does not hold."""
    done = max(0, len(list(read_rounds(folder))) - 1)
    return max(0, lam - done), rounds - max(done, lam)
