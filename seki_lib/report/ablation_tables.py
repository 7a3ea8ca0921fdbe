"""Tables 5 and 6: the ablations of λ, k and ξ (paper §5.3), with what the paper leaves out: are the differences real?

Ours are read from the finished runs of a profile (`seki_lib.ablations`). Runs of one seed share their rounds, so the
settings are compared seed by seed: the intervals of a difference are those of paired t statistics.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from ..files.jsonl import read_lines
from ..forks import first_questions
from ..paper.settings import PAPER_BEST, Setting, full_grid, k_xi_settings, lambda_settings
from ..profiles import Profile
from ..results import RunSpec, is_finished
from ..training.machine import ELSEWHERE
from .how import how_notes
from .intervals import interval, interval_text
from .paper import paper_table
from .tables import Cell, Table

HEADINGS = {
    "top1": "paper: top-1 (%)",
    "params_m": "paper: params (M)",
    "minutes": "paper: search (min)",
    "f": "top-1 f (%)",
    "difference": "f against the paper's best setting",
    "held_out": "held-out accuracy (%)",
    "ours_params_m": "params (M)",
    "ours_minutes": "search (min)",
    "nas201": "nas201 without LLM: test (%)",
    "nas201_difference": "nas201 against the paper's best setting",
}
NOT_RUN = "not run"


@dataclass(frozen=True)
class Outcome:
    """One finished run of a setting."""

    f: float  # of the best cell, %
    held_out: float  # accuracy of that cell on images that no search saw, %
    params_m: float  # of that cell at C36 L20
    minutes: float  # LLM and f, the shared rounds included
    source: str
    round: int  # in which that cell was found
    llm_calls: int  # of this run alone: the shared ones are counted with the run that made them
    folder: Path = Path()
    result: Mapping[str, Any] = field(default_factory=dict)  # its result.json


Outcomes = Mapping[Setting, Mapping[int, Outcome]]  # setting -> seed -> outcome


def read_outcomes(spec: RunSpec, profile: Profile, results: Path, settings: Sequence[Setting]) -> dict[Any, Any]:
    """The finished runs of these settings, whichever seeds are there."""
    outcomes: dict[Setting, dict[int, Outcome]] = {}
    for setting in dict.fromkeys(settings):
        home = setting.spec(spec, profile).folder(results).parent
        for folder in sorted(home.glob("seed=*")):
            if is_finished(folder):
                outcomes.setdefault(setting, {})[int(folder.name.removeprefix("seed="))] = _outcome(folder)
    return outcomes


def _outcome(folder: Path) -> Outcome:
    result = json.loads((folder / "result.json").read_text())
    fork = folder / "fork.json"
    shared = json.loads(fork.read_text())["round"] if fork.exists() else -1
    own = sum((call["round"] or 0) > shared for call in read_lines(folder / "transcript.jsonl") if "reply" in call)
    f_seconds = sum(record["seconds"] for record in read_lines(folder / "history.jsonl"))
    final = result["final"]
    return Outcome(
        final["oneshot"],
        final["held_out"],
        final["params_m"],
        (result["llm_seconds"] + f_seconds) / 60,
        json.loads((folder / "config.json").read_text())["data"]["sentence"],
        result["round"],
        own,
        folder,
        result,
    )


def table5(spec: RunSpec, profile: Profile, results: Path, truth: Mapping[Setting, np.ndarray], source: str) -> Table:
    """λ against γ = n - λ. truth: of nas201, setting -> (seeds,) test accuracies; source: where those come from."""
    table = Table(
        "table5", f"Table 5. Rounds of self-evolution λ, DARTS space, profile {profile.name}", list(HEADINGS.values())
    )
    paper = {int(row["lam"]): row for row in paper_table(5)}
    best, ours = Setting(profile.lam, profile.k, profile.xi), lambda_settings(profile)
    settings = sorted({*paper_settings(5), *ours}, key=lambda s: s.lam)
    outcomes = read_outcomes(spec, profile, results, settings)
    for setting in settings:
        typed = paper.get(setting.lam)
        _add(
            table,
            f"λ = {setting.lam}",
            typed,
            setting,
            best,
            outcomes,
            truth,
            source,
        )
    ran_all = {*paper_settings(6)} <= {*read_outcomes(spec, profile, results, paper_settings(6))}
    table.notes = _notes(outcomes, truth, profile, ours, best, "λ = {0.lam}", ran_all)
    return table


def table6(spec: RunSpec, profile: Profile, results: Path, truth: Mapping[Setting, np.ndarray], source: str) -> Table:
    """Examples kept and shown, k and ξ. truth and source as in `table5`. The paper prints no minutes here."""
    table = Table(
        "table6", f"Table 6. Examples kept k and shown ξ, DARTS space, profile {profile.name}", list(HEADINGS.values())
    )
    paper = {(int(row["k"]), int(row["xi"])): row for row in paper_table(6)}
    ours = k_xi_settings(profile)
    best = Setting(profile.lam, profile.k, profile.xi)
    settings = [*dict.fromkeys([*paper_settings(6), *ours])]
    outcomes = read_outcomes(spec, profile, results, settings)
    for setting in settings:
        typed = paper.get((setting.k, setting.xi))
        _add(table, f"k = {setting.k}, ξ = {setting.xi}", typed, setting, best, outcomes, truth, source)
    ran_all = {*paper_settings(6)} <= {*outcomes}
    table.notes = _notes(outcomes, truth, profile, ours, best, "k = {0.k}, ξ = {0.xi}", ran_all)
    return table


def paper_settings(number: int) -> list[Setting]:
    """The settings of the paper's Table 5 or 6."""
    rows = paper_table(number)
    if number == 5:
        return [replace(PAPER_BEST, lam=int(row["lam"])) for row in rows]
    return [replace(PAPER_BEST, k=int(row["k"]), xi=int(row["xi"])) for row in rows]


def differences(
    spec: RunSpec, profile: Profile, results: Path, truth: Mapping[Setting, np.ndarray], *, table: int
) -> dict[str, tuple[Setting, dict[Setting, np.ndarray]]]:
    """For the figures: panel -> the setting compared with, and setting -> (seeds,) values minus those of that one."""
    ours = lambda_settings(profile) if table == 5 else k_xi_settings(profile)
    best = Setting.of(profile)
    outcomes = read_outcomes(spec, profile, results, [*paper_settings(table), *ours, best])
    return {
        f"DARTS, {spec.llm}: f (points)": (
            best,
            {setting: paired(outcomes, setting, best) for setting in outcomes if setting != best},
        ),
        "NAS-Bench-201 without an LLM: test accuracy (points)": (
            PAPER_BEST,
            {setting: values - truth[PAPER_BEST] for setting, values in truth.items() if setting != PAPER_BEST},
        ),
    }


def shown_scores(setting: Setting, spec: RunSpec, profile: Profile, results: Path) -> np.ndarray:
    """(k,) or fewer: the scores of the k best classes when inspiration begins, in %; of the run of this seed."""
    path = setting.spec(spec, profile).folder(results) / "history.jsonl"
    best: dict[str, float] = {}
    for record in read_lines(path):
        if record["round"] <= setting.lam:
            best[record["canonical"]] = max(record["score"], best.get(record["canonical"], -np.inf))
    return np.array(sorted(best.values(), reverse=True)[: setting.k])


def _add(
    table: Table,
    label: str,
    typed: Mapping[str, str] | None,
    setting: Setting,
    best: Setting,
    outcomes: Outcomes,
    truth: Mapping[Setting, np.ndarray],
    source: str,
) -> None:
    runs = outcomes.get(setting, {})
    cells = [Cell((typed or {}).get(name, ""), "paper") for name in ("top1", "params_m", "minutes")]
    if runs:
        outcome = [runs[seed] for seed in sorted(runs)]
        detail = outcome[0].source
        cells += [
            Cell(interval_text([run.f for run in outcome]), "measured", detail),
            _difference(paired(outcomes, setting, best), setting == best),
            Cell(interval_text([run.held_out for run in outcome]), "measured", "of the cell of highest f; " + detail),
            Cell(interval_text([run.params_m for run in outcome]), "measured", "that cell at 36 channels and 20 cells"),
            Cell(interval_text([run.minutes for run in outcome], digits=1), "measured",
                 "LLM and f on this machine, shared rounds included; the supernet's training is not in it"),
        ]  # fmt: skip
    else:
        cells += [Cell("not run", NOT_RUN, "make ablations")] * 5
    if setting in truth:
        cells += [
            Cell(interval_text(truth[setting]), "measured", f"{len(truth[setting])} seeds, {source}"),
            _difference(truth[setting] - truth[PAPER_BEST], setting == PAPER_BEST),
        ]
    else:
        cells += [Cell("not run", NOT_RUN, "not a setting of the paper")] * 2
    table.add(label, cells, len(runs), [run.result for run in runs.values()])


def _difference(values: np.ndarray, itself: bool) -> Cell:
    if itself:
        return Cell("–", "measured", "the setting that the others are compared with")
    if not len(values):
        return Cell("not run", NOT_RUN, "no seed ran both settings")
    return Cell(interval_text(values, sign=True), "measured", f"mean of {len(values)} paired seeds, 95 % interval")


def paired(outcomes: Outcomes, setting: Setting, best: Setting) -> np.ndarray:
    """(seeds,) f of a setting minus f of another, for the seeds that ran both."""
    a, b = outcomes.get(setting, {}), outcomes.get(best, {})
    return np.array([a[seed].f - b[seed].f for seed in sorted(a.keys() & b.keys())])


def verdict(claim: str, differences: Mapping[Any, np.ndarray], *, elsewhere: bool = False) -> str:
    """One sentence: do these runs support that a setting is best, contradict it, or not decide?

    differences: every other setting's value minus the claimed best one's, seed by seed. The intervals are widened for
    the number of settings (Bonferroni). Three seeds or more are asked for, and differences that do not vary decide
    nothing: f lies on a grid, and forks often share their best cell. elsewhere: the runs are of another space, or
    without an LLM; then they say nothing of the claim itself, and the sentence counts only.
    """
    known = {setting: values for setting, values in differences.items() if len(values)}
    seeds = min((len(values) for values in known.values()), default=0)
    if not known or seeds < 3:
        return f'"{claim} is best": our runs cannot decide it, with {seeds} seed{"" if seeds == 1 else "s"}.'
    limits = [interval(values, len(known)) if np.ptp(values) > 1e-9 else (0.0, 0.0) for values in known.values()]
    better, worse = sum(low > 0 for low, _ in limits), sum(high < 0 for _, high in limits)
    says = "contradict" if better else "support" if worse == len(limits) else "cannot decide"
    counts = (
        f"of {len(limits)} other settings {better} are better and {worse} worse beyond 95 % intervals (paired, "
        f"Bonferroni), {len(limits) - better - worse} undecided; {seeds} seeds."
    )
    return f"against {claim}, {counts}" if elsewhere else f'"{claim} is best": our runs {says} it: {counts}'


def _notes(
    outcomes: Outcomes,
    truth: Mapping[Setting, np.ndarray],
    profile: Profile,
    settings: Sequence[Setting],
    best: Setting,
    claim: str,
    ran_all: bool,
) -> list[str]:
    live = {s: paired(outcomes, s, best) for s in outcomes if s != best}
    known = {s: truth[s] - truth[PAPER_BEST] for s in truth if s != PAPER_BEST}
    grid = full_grid(profile) if ran_all else profile
    forked, separate = first_questions([*lambda_settings(grid), *k_xi_settings(grid)], grid)
    calls = {seed: run.llm_calls for runs in outcomes.values() for seed, run in runs.items()}
    asked = sum(run.llm_calls for runs in outcomes.values() for run in runs.values())
    notes = [
        f"DARTS, f: {verdict(claim.format(best), live)}",
        "nas201, another space, and Algorithm 1 with a cheap proposer in place of the LLM, whose self-evolution is a "
        "random walk. This says what the settings do to the algorithm alone, and nothing of the paper's claim: "
        f"{verdict(claim.format(PAPER_BEST), known, elsewhere=True)}",
        "f is read on few images: its highest value flatters. The held-out column is the same cell on images that no "
        "search saw. ± is a 95 % interval of the mean over seeds; n = 1 has none.",
        f"Runs of a seed are forks of one self-evolution of {max(grid.lams)} rounds: {forked} first questions to "
        f"the LLM for {'all settings' if ran_all else 'the settings of this profile'} in Tables 5 and 6, {separate} as "
        f"separate searches ({forked / separate:.2f}).",
    ]
    shared = min((setting.lam for setting in outcomes), default=0)
    alike = [seed for seed in calls if all(runs[seed].round <= shared for runs in outcomes.values() if seed in runs)]
    if alike and len(outcomes) > 1:
        seeds = f"{'Seed' if len(alike) == 1 else 'Seeds'} {', '.join(map(str, sorted(alike)))}"
        says = (
            f"every setting ends with a cell of the first {shared} rounds, which all share: there they cannot differ."
        )
        notes.insert(1, f"{seeds}: {says}")
    if calls:
        notes.append(
            f"The runs of this table made {asked} LLM calls over {len(calls)} seed{'s' if len(calls) > 1 else ''} "
            "besides those that they share with others, second questions for unreadable or known cells among them."
        )
    done = [run for runs in outcomes.values() for run in runs.values()]
    notes += [f"f: {source}. {ELSEWHERE}" for source in sorted({run.source for run in done})]
    notes += how_notes([run.folder for run in done])
    left_out = [s for s in settings if s not in outcomes]
    if left_out:
        notes.append(f"{len(left_out)} settings of this profile have not been run yet: make ablations.")
    return notes
