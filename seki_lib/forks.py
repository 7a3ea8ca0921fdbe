"""The ablations of Tables 5 and 6 (paper §5.3), as forks: what two searches share is run, and paid for, once.

All searches of a seed begin with the same self-evolution. The longest λ is run whole; every other λ is a prefix of it,
and all (k, ξ) share its first λ rounds. With the paper's grid a seed then takes 425 first questions to the LLM in place
of the 1,850 of 22 separate searches (critique and refine counted as two).
"""

from collections import deque
from collections.abc import Callable, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from .files.errors import SettingError
from .llm import get_llm
from .paper.settings import PAPER_BEST, Setting, longest
from .profiles import Profile
from .prompts import Prompts
from .results import RunSpec
from .runs import fork_run, make_way, reaches, search_run
from .search import Record, Repository, Search, SearchConfig, Step, initial, run, self_evolution
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

    The longest self-evolution is run as far as a setting shares it, if need be; where it got so far, another process
    may be going on with it meanwhile. Raises what `search_run` and `fork_run` raise.
    """
    origin = longest(profile)

    def go(setting: Setting) -> Path:
        options: dict[str, Any] = setting.changes(profile) | {"on_step": lambda step: on_step(setting, step)}
        own, of = (s.spec(spec, profile) for s in (setting, origin))
        if setting == origin:
            return search_run(own, profile, results, **options)
        return fork_run(own, of, profile, results, round=setting.lam, **options)

    if shared := [setting.lam for setting in settings if setting != origin]:
        run_longest(spec, profile, results, until=max(shared), on_step=on_step)
    return [go(setting) for setting in dict.fromkeys(settings)]


def run_longest(
    spec: RunSpec,
    profile: Profile,
    results: Path,
    *,
    until: int,
    on_step: Callable[[Setting, Step], None] = lambda setting, step: None,
) -> Path:
    """Run the longest self-evolution until this round, unless it is there: settings of no longer one can then fork.

    Returns its folder. Raises SettingError if it does not reach so far, and what `search_run` raises.
    """
    setting = longest(profile)
    if not 0 <= until <= setting.lam:
        raise SettingError(f"the self-evolution that settings fork from has rounds 0 to {setting.lam}, not {until}")
    changes: dict[str, Any] = setting.changes(profile)
    own = setting.spec(spec, profile)
    make_way(own, profile, results, **changes)
    if not reaches(own.folder(results), until):
        search_run(own, profile, results, until=until, on_step=lambda step: on_step(setting, step), **changes)
    return own.folder(results)


def first_questions(settings: Sequence[Setting], profile: Profile) -> tuple[int, int]:
    """First questions to the LLM of one seed, as forks and as separate searches; a round of self-evolution takes two.

    A setting that stands in both tables counts twice as a separate search, and once as a fork.
    """
    separate = sum(2 * setting.lam + profile.rounds - setting.lam for setting in settings)
    origin = longest(profile)
    own = sum(profile.rounds - setting.lam for setting in {*settings, origin})
    return 2 * origin.lam + own, separate


def by_chance(
    kind: str, evaluator: Any, space: SearchSpace[Any], settings: Sequence[Setting], seeds: int
) -> dict[Setting, np.ndarray]:
    """Setting -> (seeds,) scores of the cells that Algorithm 1 finds without an LLM.

    kind: of `seki_lib.llm.chance`, which answers in its place, at no cost: hundreds of seeds say what λ, k and ξ do to
    the algorithm itself. All settings of a seed fork from its longest self-evolution, here in memory.
    """
    llm = get_llm(f"chance:{kind}")
    prompts, settings = Prompts.load(llm.templates), list(dict.fromkeys([*settings, PAPER_BEST]))

    def search(lam: int, k: int, xi: int, seed: int, shared: Sequence[Record] = ()) -> Search:
        config = SearchConfig(lam=lam, k=k, xi=xi, seed=seed, notation=llm.notation, strategy=llm.strategy)
        return Search(space, evaluator, llm, prompts, Repository(records=shared), config)

    found: dict[Setting, list[float]] = {setting: [] for setting in settings}
    for seed in range(seeds):
        origin = search(max(setting.lam for setting in settings), 1, 1, seed)
        deque(chain(initial(origin), self_evolution(origin)), maxlen=0)
        for setting in settings:
            fork = search(setting.lam, setting.k, setting.xi, seed, origin.repository.records[: setting.lam + 1])
            deque(run(fork), maxlen=0)
            found[setting].append(fork.repository.best().score)
    return {setting: np.array(values) for setting, values in found.items()}
