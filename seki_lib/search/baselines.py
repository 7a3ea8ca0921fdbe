"""Searches without an LLM, at the same budget and from the same α0 as the search they stand beside.

Each is a generator of architectures that is sent their scores, so that the budget is kept in one place:

    run_baseline("local_search", space, evaluator, evaluations=51, seed=0)

2,000 seeds of the three baselines on NAS-Bench-201 take a few seconds on one core (benchmarks/speed.py).
"""

from collections import deque
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from ..evaluators.base import Evaluator
from ..files.errors import look_up
from ..spaces.base import SearchSpace
from .state import initial_architecture

Proposals = Generator[Any, float, None]  # yields architectures, is sent their scores


def random_search(space: SearchSpace[Any], alpha0: Any, rng: Random) -> Proposals:
    """α0, then uniform draws."""
    yield alpha0
    while True:
        yield space.random(rng)


def regularized_evolution(
    space: SearchSpace[Any], alpha0: Any, rng: Random, population: int = 10, tournament: int = 3
) -> Proposals:
    """Ageing evolution (Real et al. 2019): mutate the best of a random tournament, drop the oldest. P 10, T 3."""
    living: deque[tuple[float, Any]] = deque(maxlen=population)
    arch = alpha0
    while True:
        living.append(((yield arch), arch))
        if len(living) < population:
            arch = space.random(rng)
        else:
            parent = max(rng.sample(list(living), tournament), key=lambda pair: pair[0])
            neighbors = space.neighbors(parent[1])
            arch = neighbors[int(rng.random() * len(neighbors))]


def local_search(space: SearchSpace[Any], alpha0: Any, rng: Random) -> Proposals:
    """Hill climbing (White et al. 2021): to the first better neighbour, in random order; restart at a peak."""
    current, seen = alpha0, {alpha0}
    while True:
        best, climbing = (yield current), True
        while climbing:
            climbing = False
            neighbors = [arch for arch in space.neighbors(current) if arch not in seen]
            rng.shuffle(neighbors)
            for arch in neighbors:
                seen.add(arch)
                score = yield arch
                if score > best:
                    current, best, climbing = arch, score, True
                    break
        current = space.random(rng)
        seen.add(current)


def by_frequencies(shares: Sequence[Sequence[float]]) -> Callable[[SearchSpace[Any], Any, Random], Proposals]:
    """α0, then cells whose every edge is drawn by itself. shares: (edges, operations), how often each one is drawn."""

    def proposals(space: SearchSpace[Any], alpha0: Any, rng: Random) -> Proposals:
        yield alpha0
        while True:
            yield space.architecture(tuple(rng.choices(space.operations, edge)[0] for edge in shares))

    return proposals


FREE = 1000  # known cells in a row that cost nothing; a baseline that can find no other must come to an end

BASELINES: dict[str, Callable[[SearchSpace[Any], Any, Random], Proposals]] = {
    "random_search": random_search,
    "regularized_evolution": regularized_evolution,
    "local_search": local_search,
}


@dataclass(frozen=True)
class BaselineRun:
    """One run: the scores in the order of evaluation, and the first architecture of the highest score."""

    scores: list[float]
    best: Any


def run_baseline(
    name: str, space: SearchSpace[Any], evaluator: Evaluator, *, evaluations: int, seed: int, alpha0: str = "random",
    novel: bool = False,
) -> BaselineRun:  # fmt: skip
    """One baseline for one seed; see `play`. Raises UnknownName."""
    baseline = look_up("baseline", BASELINES, name)
    start = initial_architecture(space, alpha0, seed)
    proposals = baseline(space, start, Random(f"{name}/{seed}"))
    return play(proposals, space, evaluator, evaluations, novel=novel)


def play(
    proposals: Proposals, space: SearchSpace[Any], evaluator: Evaluator, evaluations: int, *, novel: bool = False
) -> BaselineRun:
    """Send proposals their scores until the budget is spent. Repeated cells count as evaluations.

    novel: the novelty rule of a search with an LLM. A cell of a known class is told the score that is known of it and
    costs nothing, up to FREE of them in a row.
    """
    arch = best = next(proposals)
    scores = [evaluator(arch).score]
    known, free = {space.canonical(arch): scores[0]}, 0
    score = high = scores[0]
    while len(scores) < evaluations:
        arch = proposals.send(score)
        if novel and free < FREE and (like := space.canonical(arch)) in known:
            score, free = known[like], free + 1
            continue
        score, free = evaluator(arch).score, 0
        scores.append(score)
        if novel:
            known[space.canonical(arch)] = score
        if score > high:
            high, best = score, arch
    return BaselineRun(scores, best)
