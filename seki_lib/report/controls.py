"""Notebook 21: what of a search's result is the LLM's? Arms at one budget, and one sentence that is computed.

    arms = read_arms(home, reference, "local:smollm2-135m", evaluator) | free_arms(profile, results, shares)
    print(sentence("local:smollm2-135m", 51, {name: arm.values for name, arm in arms.items()}))

Arms are compared seed by seed, since the same seed has the same α0. Values are test accuracies of final cells (%).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from ..baseline_runs import BaselineRuns, arm_runs
from ..evaluators.tabular import Tabular
from ..files.errors import InvalidArchitecture
from ..llm.transcript import recorded_calls
from ..profiles import Profile
from ..results import Home, RunSpec, SearchResult, with_kept
from ..search.arms import ARMS
from ..search.repository import Record, read_history
from ..spaces import get_space
from .statistics import (
    Estimate,
    interquartile_mean,
    mean,
    paired,
    probability_of_improvement,
    resolvable,
    seeds_needed,
    smallest_p,
)
from .tables import Cell, Table, not_run

COLUMN = "cifar10_test"
OWN = ("alpha0", "llm", "resampled")  # words of HOW for cells that the LLM gave by itself; and where it began
COLUMNS = {
    "test": "CIFAR-10 test (%), mean [95 %]",
    "iqm": "interquartile mean",
    "minus_random": "minus random search's, same seeds",
    "minus_local": "minus local search's, same seeds",
    "minus_seki": "minus SEKI's, same seeds",
    "improvement": "probability of ending above random search",
    "own": "without repaired, edited and fallen-back cells",
    "first": "rounds by first replies (%)",
}
Values = Mapping[int, float]  # seed -> value


@dataclass(frozen=True)
class Outcome:
    """What came of one arm. values, own: seed -> test accuracy, of the final cell and of the LLM's own best.

    scores: (seeds, evaluations) as the search saw them. first: share of rounds whose cell was the first reply, in %.
    """

    values: Values
    scores: np.ndarray
    provenance: str = "measured"
    own: Values = field(default_factory=dict)
    first: float = np.nan
    searches: Sequence[SearchResult] = ()
    kept: int = 0  # how many of them came with the checkout


def read_arms(home: Home, reference: Home, llm: str, evaluator: Tabular) -> dict[str, Outcome]:
    """The arms that ask this LLM, as far as they are finished: in this profile, and kept ones of seeds not run here.

    reference: the kept run. Searches on another data source than the evaluator's are left out.
    """
    found = {}
    for name, arm in ARMS.items():
        if arm.asks:
            variant = RunSpec("nas201", "cifar10", llm, home.profile, 0).as_arm(name).variant
            searches = with_kept(home, "nas201", "cifar10", llm, variant, kept=reference)
            if searches := [one for one in searches if one.config["data"]["name"] == evaluator.source.name]:
                found[name] = outcome(searches, evaluator, reference)
    return found


def outcome(searches: Sequence[SearchResult], evaluator: Tabular, reference: Home) -> Outcome:
    """What came of finished searches of one arm and length. reference: the kept run; one of it makes all `replayed`."""
    histories = [read_history(search.folder / "history.jsonl") for search in searches]
    space = get_space("nas201")
    own = [max((r for r in history if r.how in OWN), key=_by_score) for history in histories]
    seeds = [search.seed for search in searches]
    tests = [evaluator.final(space.parse(record.architecture))[COLUMN] for record in own]
    firsts = [record.how == "llm" for history in histories for record in history[1:]]
    length = min(map(len, histories))
    kept = sum(search.folder.is_relative_to(reference.folder) for search in searches)
    return Outcome(
        {search.seed: search.result["final"][COLUMN] for search in searches},
        np.array([[record.score for record in history[:length]] for history in histories]),
        "replayed" if kept else "measured",
        dict(zip(seeds, tests, strict=True)),
        100 * float(np.mean(firsts)) if firsts else np.nan,
        searches,
        kept,
    )


def _by_score(record: Record) -> tuple[float, int]:
    return record.score, -record.round


def free_arms(profile: Profile, results: Path, shares: Sequence[Sequence[float]] = ()) -> dict[str, Outcome]:
    """The arms that ask no LLM, for many seeds; `frequencies` only where shares are given."""
    found = {}
    for name, arm in ARMS.items():
        if not arm.asks and (name != "frequencies" or shares):
            runs = arm_runs(name, profile, results, shares=shares if name == "frequencies" else ())
            found[name] = of_runs(runs, name)
    return found


def of_runs(runs: BaselineRuns, name: str) -> Outcome:
    """The same for runs whose seeds count from 0."""
    tests = runs.values[name][:, runs.columns.index(COLUMN)]
    return Outcome(dict(enumerate(map(float, tests))), runs.scores[name])


def own_shares(asked: Mapping[str, Outcome]) -> tuple[str, list[list[float]]]:
    """(where from, shares) of the LLM's operations: of samples that saw no cell and no score, else of SEKI's."""
    for name, where in (("iid", "iid, which saw no score"), ("seki", "SEKI, which had seen scores")):
        if name in asked and (shares := reply_shares(asked[name].searches)):
            return where, shares
    return "nowhere", []


def reply_shares(searches: Sequence[SearchResult]) -> list[list[float]]:
    """(edges, operations): how often the LLM put each operation on each edge, in all architectures that it replied."""
    space = get_space("nas201")
    counts = np.zeros((6, len(space.operations)))
    for search in searches:
        for call in recorded_calls(search.folder / "transcript.jsonl"):
            if call["stage"] in ("refine", "inspire"):
                try:
                    cell = space.read(call["reply"], search.config["search"]["notation"])
                except InvalidArchitecture:
                    continue
                for edge, operation in enumerate(cell.edges):
                    counts[edge, space.operations.index(operation)] += 1
    shares: list[list[float]] = (counts / counts.sum(axis=1, keepdims=True)).tolist() if counts.any() else []
    return shares


def against(ours: Values, theirs: Values) -> Estimate | None:
    """Ours minus theirs over the seeds that both have; None without any."""
    seeds = sorted(ours.keys() & theirs.keys())
    return paired([ours[seed] for seed in seeds], [theirs[seed] for seed in seeds]) if seeds else None


def controls_table(arms: Mapping[str, Outcome], llm: str, profile: str, source: str) -> Table:
    """One row an arm. Arms that were not run say what they take."""
    table = Table("controls", f"Arms at equal budget on NAS-Bench-201, {llm}, profile {profile}", COLUMNS)
    random = arms["random_search"].values
    others = {"minus_random": "random_search", "minus_local": "local_search", "minus_seki": "seki"}
    for name, arm in ARMS.items():
        label = f"{name}: {arm.says}"
        if name not in arms:
            lacks = "a finished search of the LLM" if name == "frequencies" else "make controls"
            table.add(label, dict.fromkeys(COLUMNS, not_run(lacks)))
            continue
        found = arms[name]
        values = list(found.values.values())
        texts = {"test": mean(values).text(), "iqm": interquartile_mean(values).text()}
        for column, other in others.items():
            difference = None if name == other or other not in arms else against(found.values, arms[other].values)
            texts[column] = "–" if difference is None else f"{difference.text(sign=True)} (n = {difference.n})"
        if name != "random_search":
            texts["improvement"] = probability_of_improvement(values, list(random.values())).text()
        if found.own:
            texts["own"] = mean(list(found.own.values())).text()
            texts["first"] = f"{found.first:.0f}"
        kept = f", {found.kept} of them kept in results/reference" if found.kept else ""
        detail = f"{len(values)} seeds{kept}; {source}"
        cells = {column: Cell(text, found.provenance, detail) for column, text in texts.items()}
        table.add(label, cells, len(values), [search.result for search in found.searches])
    table.notes = [*planner_notes(arms), *NOTES]
    return table


NOTES = (
    "Brackets are 95 % bootstrap intervals over seeds, of four seeds or more, wider for few seeds (expanded "
    "percentiles, arXiv 1411.5279); differences are paired, since a seed has the same α0 in all arms. No row is marked "
    "as the best: two rows differ only where the interval of their difference leaves zero out. Of twenty such "
    "intervals about one does so by chance alone.",
    "`frequencies` draws by the LLM's replies in the arm iid, if that was run, else by those in SEKI, which follow the "
    "scores that it saw; its interval is over draws, not over searches of the LLM.",
    "`without …` takes the best cell among those that the LLM's first replies gave, α0 included.",
    "Related work with controls of this kind, as its authors report it: arXiv 2606.21641 (in LLM tuning the warm start "
    "wins, not the model), 2603.24647 (CMA-ES and TPE beat LLM agents in a fixed space, hybrids win), 2602.16805 "
    "(simple baselines match code evolution), 2509.26037 (blind ranking with τ .89: a sign of prior knowledge).",
)


def planner_notes(arms: Mapping[str, Outcome]) -> list[str]:
    """What so many seeds can tell, and how many a difference needs."""
    ours, theirs = (arms[name].values if name in arms else {} for name in ("seki", "local_search"))
    gaps = [ours[seed] - theirs[seed] for seed in ours.keys() & theirs.keys()]
    if len(gaps) < 2:
        return ["One seed of SEKI or none: no deviation is known."]
    sd, n = float(np.std(gaps, ddof=1)), len(gaps)
    if sd < 1e-9:
        return [f"All {n} seeds of SEKI differ from local search by the same value: no deviation is known."]
    of_one = sd / 2**0.5  # of an arm, if the two were independent and alike
    least = resolvable(of_one, n)
    told = "no difference" if np.isinf(least) else f"differences of about {least:.2f} points"
    return [
        f"SEKI minus local search deviates by {sd:.2f} points from seed to seed. {n} pairs can reach "
        f"p = {smallest_p(n):.3g} at best, and tell {told} at 80 % "
        f"power; {seeds_needed(of_one, 0.25)} pairs would tell 0.25 points, {seeds_needed(of_one, 0.1)} would tell 0.1."
    ]


def sentence(llm: str, evaluations: int, arms: Mapping[str, Values]) -> str:
    """The plain sentence: against local search from the same start, and where the lead over random search comes from.

    arms: seki, local_search, random_search, null, scores_shuffled -> seed -> test accuracy. The ladder's part is null
    minus random search, that of words scores_shuffled minus null, that of feedback SEKI minus scores_shuffled; over the
    seeds that all have, they add up to the lead.
    """
    beside = against(arms.get("seki", {}), arms["local_search"])
    if beside is None:
        return f"{llm} has finished no search that can be compared: make controls."
    how = f"{abs(beside.value):.2f} points {'better' if beside.value > 0 else 'worse'} than"
    if not beside.value:
        how = "as good on average as those of"
    first = (
        f"At {evaluations} evaluations, {llm} finds cells {how} local search from the same start {_decided(beside)}."
    )
    needed = ("seki", "scores_shuffled", "null", "random_search")
    seeds = sorted(set.intersection(*(set(arms.get(name, {})) for name in needed)))
    if not seeds:
        return f"{first} Where its lead over random search comes from was not measured: make controls."
    seki, words, ladder, random = ([arms[name][seed] for seed in seeds] for name in needed)
    lead = paired(seki, random)
    parts = {"the ladder": paired(ladder, random), "words": paired(words, ladder), "feedback": paired(seki, words)}
    shares = ", ".join(f"{part.text(sign=True)} comes from {name}{_open(part)}" for name, part in parts.items())
    lost = "lead over" if lead.value >= 0 else "lag behind"
    return f"{first} Of its {lost} random search, {lead.text(sign=True)}{_open(lead)}: {shares} (n = {len(seeds)})."


def _open(estimate: Estimate) -> str:
    return "" if estimate.is_decided else " (not told from zero)"


def _decided(estimate: Estimate) -> str:
    """The interval in words, and what it decides."""
    n = estimate.n
    if smallest_p(n) >= 0.05:
        pairs = f"{n} pair{'s' * (n != 1)}"
        return f"({pairs}, which can reach p = {smallest_p(n):.3g} at best and decide nothing)"
    ends = f"95 % interval {estimate.low:+.2f} to {estimate.high:+.2f}, n = {n}"
    return f"({ends})" if estimate.is_decided else f"({ends}: not told from zero)"


def lacking(arms: Mapping[str, Any]) -> list[str]:
    """Arms that ask an LLM and have no finished search."""
    return [name for name, arm in ARMS.items() if arm.asks and name not in arms]
