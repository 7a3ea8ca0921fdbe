"""The ablations of Tables 5 and 6 (paper §5.3), as forks: what two searches share is run, and paid for, once.

All searches of a seed begin with the same self-evolution. The longest λ is run whole; every other λ is a prefix of it,
and all (k, ξ) share its first λ rounds. With the paper's grid a seed then takes 425 first questions to the LLM in place
of the 1,850 of 22 separate searches (critique and refine counted as two).
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

from .files.errors import SettingError
from .paper.settings import PAPER_BEST, Setting, longest
from .profiles import Profile
from .results import RunSpec
from .runs import fork_run, reaches, search_run
from .search import Step, initial_architecture
from .spaces import SearchSpace


def run_settings(
    spec: RunSpec,
    profile: Profile,
    results: Path,
    settings: Sequence[Setting],
    *,
    on_step: Callable[[Setting, Step], None] = lambda setting, step: None,
) -> list[Path]:
    """Run these settings of one seed, or go on with them; returns their folders.

    The trunk is run as far as a setting shares it, if need be; where it got so far, another process may be going on
    with it meanwhile. Raises what `search_run` and `fork_run` raise.
    """
    root = longest(profile)
    stem = root.spec(spec, profile)

    def go(setting: Setting) -> Path:
        options: dict[str, Any] = setting.changes(profile) | {"on_step": lambda step: on_step(setting, step)}
        if setting == root:
            return search_run(stem, profile, results, **options)
        return fork_run(setting.spec(spec, profile), stem, profile, results, round=setting.lam, **options)

    if shared := [setting.lam for setting in settings if setting != root]:
        run_trunk(spec, profile, results, until=max(shared), on_step=on_step)
    return [go(setting) for setting in dict.fromkeys(settings)]


def run_trunk(
    spec: RunSpec,
    profile: Profile,
    results: Path,
    *,
    until: int,
    on_step: Callable[[Setting, Step], None] = lambda setting, step: None,
) -> Path:
    """Run the trunk until this round, unless it is there: settings of no longer self-evolution can then fork from it.

    Returns its folder. Raises SettingError if its self-evolution does not reach so far, and what `search_run` raises.
    """
    root = longest(profile)
    if not 0 <= until <= root.lam:
        raise SettingError(f"the self-evolution that settings fork from has rounds 0 to {root.lam}, not {until}")
    stem = root.spec(spec, profile)
    if not reaches(stem.folder(results), until):
        changes: dict[str, Any] = root.changes(profile)
        search_run(stem, profile, results, until=until, on_step=lambda step: on_step(root, step), **changes)
    return stem.folder(results)


def first_questions(settings: Sequence[Setting], profile: Profile) -> tuple[int, int]:
    """First questions to the LLM of one seed, as forks and as separate searches; a round of self-evolution takes two.

    A setting that stands in both tables counts twice as a separate search, and once as a fork.
    """
    separate = sum(2 * setting.lam + profile.rounds - setting.lam for setting in settings)
    root = longest(profile)
    own = sum(profile.rounds - setting.lam for setting in {*settings, root})
    return 2 * root.lam + own, separate


def well_powered(evaluator: Any, space: SearchSpace[Any], settings: Sequence[Setting], seeds: int) -> dict[Any, Any]:
    """Setting -> (seeds,) test accuracies (%, of the table) of the cells that `without_llm` finds in 50 rounds.

    A table of one split knows no other value than the one that was searched: then it is that one, which flatters.
    """
    column = f"{evaluator.metric.split('_')[0]}_test"
    return {
        setting: np.array(
            [evaluator.final(without_llm(evaluator, space, setting, 50, seed))[column] for seed in range(seeds)]
        )
        for setting in dict.fromkeys([*settings, PAPER_BEST])
    }


def without_llm(evaluator: Any, space: SearchSpace[Any], setting: Setting, rounds: int, seed: int) -> Any:
    """The best cell of Algorithm 1 with a cheap proposer in the LLM's place, for cells of six edges.

    Self-evolution makes a random new change, inspiration takes each edge from a random one of the ξ cells shown, and a
    cell seen before gets a random change. It costs no LLM, so that hundreds of seeds say what λ, k and ξ do to the
    algorithm itself. Random numbers depend on (seed, round) only: settings share their common rounds here too.
    """
    arch = initial_architecture(space, "random", seed)
    found: dict[Any, tuple[float, int, Any]] = {}  # class -> (-score, round, cell), as the repository ranks them

    def keep(arch: Any, round: int) -> None:
        found.setdefault(space.canonical(arch), (-evaluator(arch).score, round, arch))

    keep(arch, 0)
    for i in range(1, rounds + 1):
        rng = Random(f"{seed}/{i}")
        if i > setting.lam:
            top = sorted(found.values(), key=lambda entry: entry[:2])[: setting.k]
            shown = [entry[2] for entry in rng.sample(top, min(setting.xi, len(top)))]
            arch = type(arch)(tuple(rng.choice(shown).edges[edge] for edge in range(len(arch.edges))))
        if space.canonical(arch) in found:
            neighbors = space.neighbors(arch)
            new = (cell for cell in rng.sample(neighbors, len(neighbors)) if space.canonical(cell) not in found)
            arch = next(new, arch)
        keep(arch, i)
    return min(found.values(), key=lambda entry: entry[:2])[2]
