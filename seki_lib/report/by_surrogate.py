"""Notebook 11: searches of the DARTS space with and without an LLM at the same budget, scored by a surrogate."""

from collections.abc import Mapping, Sequence

import numpy as np

from ..baseline_runs import BaselineRuns
from ..evaluators.surrogate import NOT_AN_ACCURACY
from ..files.run_folder import read_rounds
from ..profiles import Profile
from ..results import SearchResult
from .benchmark_tables import BASELINE_LABELS
from .statistics import FEWEST, interval, interval_text
from .tables import Cell, Table, where_from

AXIS = f"best score so far (%)\n{NOT_AN_ACCURACY}"
Finals = Mapping[int, Mapping[str, float]]  # seed -> what the judges say of its final cell


def baseline_seeds(profile: Profile) -> int:
    """How many runs of each baseline are scored by the network: about 10 s for 50 of 51 evaluations on one core."""
    return max(10, profile.baseline_seeds // 40)


def scores(searches: Sequence[SearchResult]) -> np.ndarray:
    """(seeds, evaluations) of searches of one length, in the order of evaluation."""
    return np.array([[record["score"] for record in read_rounds(s.folder)] for s in searches])


def minus_random(finals: Finals, baselines: BaselineRuns, judge: str) -> np.ndarray:
    """(pairs,) final cells minus random search's, for the seeds that both have. Searches of one seed share their α0."""
    random = baselines.finals("random_search")
    return np.array([final[judge] - random[seed][judge] for seed, final in finals.items() if seed < len(random)])


def judges(baselines: BaselineRuns) -> list[str]:
    """The judge that was searched, then the other one if its file is on this machine: columns of the final values."""
    return [column for column in baselines.columns if column.startswith("surrogate_")]


def surrogate_table(searches: Mapping[str, Sequence[SearchResult]], baselines: BaselineRuns, profile: str) -> Table:
    """Final cells by both judges. searches: LLM -> its finished searches; baselines: at the same budget."""
    title = f"The same budget with and without an LLM, profile {profile}: {NOT_AN_ACCURACY}"
    columns = {}
    for judge, role in zip(judges(baselines), ("which was searched", "which was not"), strict=False):
        name = judge.removeprefix("surrogate_")
        columns[judge] = f"{name}, {role}"
        columns[f"{judge} paired"] = f"{name}, minus random search's of the same seed"
    table = Table("darts_by_surrogate", title, columns)
    for llm, found in searches.items():
        _add(table, f"SEKI, ours, {llm}", _finals(found), baselines, found)
    for name, label in BASELINE_LABELS.items():
        _add(table, label, dict(enumerate(baselines.finals(name))), baselines)
    table.notes = [
        "Means over seeds ± half of their 95 % interval. A search sees the first judge; the other one judges its final "
        "cell alone.",
        "All methods start from the same α0 for a seed. docs/judges.md says how far either judge can be trusted.",
        *caveats([one for found in searches.values() for one in found]),
    ]
    return table


def caveats(searches: Sequence[SearchResult]) -> list[str]:
    """What must stand beside predictions, and of how many cells more."""
    if not searches:
        return []
    worth = str(searches[0].result["caveat"]).partition(" CAUTION")[0]
    often = sum("CAUTION" in search.result["caveat"] for search in searches)
    return [f"{worth} {often} of {len(searches)} final cells hold one operation six times or more, where it errs more."]


def verdict(llm: str, searches: Sequence[SearchResult], baselines: BaselineRuns) -> str:
    """Whether an LLM's final cells are better than random search's, by the judge that both of them searched."""
    differences = minus_random(_finals(searches), baselines, judges(baselines)[0])
    if not len(differences):
        return f"No seed of {llm} is one of random search's: they cannot be compared seed by seed."
    mean, (low, high) = differences.mean(), interval(differences)
    evaluations = baselines.scores["random_search"].shape[1]
    points = f"{abs(mean):.2f} points {'above' if mean > 0 else 'below'}"
    found = f"At {evaluations} evaluations the cells of {llm} are {points} random search's"
    if len(differences) < FEWEST:
        seeds = f"{len(differences)} seed{'s' * (len(differences) > 1)} that both have"
        return f"{found} for the {seeds} ({NOT_AN_ACCURACY}). Fewer than {FEWEST} decide nothing."
    held = "The interval holds zero, so it cannot be decided which is better." if low <= 0 <= high else ""
    measured = f"95 % interval {low:+.2f} to {high:+.2f}, n = {len(differences)} seeds; {NOT_AN_ACCURACY}"
    return f"{found} ({measured}). {held}".strip()


def _finals(searches: Sequence[SearchResult]) -> Finals:
    return {search.seed: search.result["final"] for search in searches}


def _add(
    table: Table, label: str, finals: Finals, baselines: BaselineRuns, searches: Sequence[SearchResult] = ()
) -> None:
    texts = {}
    for judge in judges(baselines):
        texts[judge] = interval_text([final[judge] for final in finals.values()])
        differences = minus_random(finals, baselines, judge)
        if len(differences) and label != BASELINE_LABELS["random_search"]:
            texts[f"{judge} paired"] = f"{interval_text(differences, sign=True)} (n = {len(differences)})"
    provenance, detail = where_from(searches, NOT_AN_ACCURACY) if searches else ("measured", NOT_AN_ACCURACY)
    cells = {column: Cell(text, provenance, detail) for column, text in texts.items()}
    table.add(label, cells, len(finals), [search.result for search in searches])
