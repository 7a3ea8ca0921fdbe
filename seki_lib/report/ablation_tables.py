"""Tables 5 and 6: the ablations of λ, k and ξ (paper §5.3), with what the paper leaves out: are the differences real?

Ours are read from the finished runs of a profile (`seki_lib.forks`). Runs of one seed share their rounds, so the
settings are compared seed by seed: the intervals of a difference are those of paired t statistics.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from ..files.run_folder import read_rounds
from ..paper.settings import PAPER_BEST, Setting, k_xi_settings, lambda_settings
from ..profiles import Profile
from ..results import Home, RunSpec, SearchResult, are_alike, with_kept
from ..training.machine import ELSEWHERE
from .audit import IMAGES
from .by_surrogate import caveats
from .how import how_notes
from .statistics import FEWEST, interval, interval_text, standard_error
from .tables import Cell, Table, not_run, paper_table
from .unfolded import Unfolded

PAPER_COLUMNS = {
    "top1": "paper: top-1 (%)",
    "params_m": "paper: params (M)",
    "minutes": "paper: search (min)",
}
OURS = {
    "f": "top-1 f (%)",
    "f_difference": "f minus that of {best}",
    "held_out": "held-out accuracy (%)",
    "own_params_m": "params (M)",
    "own_minutes": "search (min)",
}
SURROGATE = {
    "surrogate": "surrogate, searched (%)",
    "surrogate_difference": "surrogate minus that of {best}",
    "other_judge": "the same cells by the other judge (%)",
}
BY_CHANCE = {
    "null": "chance:null answers the LLM's questions by chance",
    "random": "chance:random draws every cell from the whole space",
}


@dataclass(frozen=True)
class Ablation:
    """What Table 5 or 6 varies.

    label: a format for a setting; ours: the settings that a profile runs; chance: what answers in the LLM's place in
    further columns, kinds of `seki_lib.llm.chance`.
    """

    title: str
    label: str
    ours: Callable[[Profile], list[Setting]]
    chance: tuple[str, ...] = ("null",)


ABLATIONS = {
    5: Ablation("Rounds of self-evolution λ", "λ = {0.lam}", lambda_settings, ("null", "random")),
    6: Ablation("Examples kept k and shown ξ", "k = {0.k}, ξ = {0.xi}", k_xi_settings),
}
Chance = Mapping[str, Mapping[Setting, np.ndarray]]  # its kind -> setting -> (seeds,) scores without an LLM
Outcomes = Mapping[Setting, Mapping[int, SearchResult]]  # setting -> seed -> finished run


def read_outcomes(spec: RunSpec, profile: Profile, results: Path, settings: Sequence[Setting]) -> Outcomes:
    """The finished runs of these settings, whichever seeds are there."""
    home, found = Home(results, spec.profile), {}
    for setting in dict.fromkeys(settings):
        variant = setting.spec(spec, profile).variant
        if runs := home.finished_searches(spec.space, spec.task, spec.llm, variant):
            found[setting] = {run.seed: run for run in runs}
    return found


def surrogate_outcomes(spec: RunSpec, profile: Profile, results: Path, settings: Sequence[Setting]) -> Outcomes:
    """The same runs, scored by the surrogate of NAS-Bench-301: by its network if there are any, else by the ridge.

    Seeds and settings that were not run here are those of the kept run.
    """
    home = Home(results, profile.name)
    for evaluator in ("surrogate", "surrogate:ridge"):
        scored = spec.scored_by(evaluator)
        if outcomes := read_outcomes(scored, profile, results, settings):
            here, found = next(iter(next(iter(outcomes.values())).values())), {}
            for setting in dict.fromkeys(settings):
                runs = with_kept(home, spec.space, spec.task, spec.llm, setting.spec(scored, profile).variant)
                if alike := {run.seed: run for run in runs if are_alike(run, here)}:
                    found[setting] = alike
            return found
    return {}


def ablation_table(number: int, spec: RunSpec, profile: Profile, results: Path, chance: Chance, source: str) -> Table:
    """Table 5 or 6. chance: by the surrogate, from `forks.by_chance`; source: where its scores come from."""
    ablation = ABLATIONS[number]
    best, ours = Setting.of(profile), ablation.ours(profile)
    long_enough = profile.name if profile.rounds > max(Profile.lams) else "laptop"  # as `require_full_grid` has it
    printed = dict(zip(paper_settings(number), paper_table(number), strict=True))
    settings = sorted(dict.fromkeys([*printed, *ours]), key=lambda setting: setting.lam)
    outcomes = read_outcomes(spec, profile, results, settings)
    surrogate = surrogate_outcomes(spec, profile, results, settings)
    title = f"Table {number}. {ablation.title}, DARTS space, profile {profile.name}"
    by_chance, named = _chance_columns(chance, ablation.label.format(PAPER_BEST)), ablation.label.format(best)
    measured = {name: text.format(best=named) for name, text in (OURS | SURROGATE).items()}
    table = Table(f"table{number}", title, PAPER_COLUMNS | measured | by_chance)
    for setting in settings:
        runs = list(outcomes.get(setting, {}).values())
        cells = {column: Cell(printed.get(setting, {}).get(column, ""), "paper") for column in PAPER_COLUMNS}
        cells |= dict.fromkeys(OURS, not_run(f"seki ablations --full --profile {long_enough}"))
        cells |= dict.fromkeys(SURROGATE, not_run("make ablations"))
        cells |= dict.fromkeys(by_chance, not_run("not a setting of the paper"))
        if runs:
            cells |= _measured(runs)
            cells["f_difference"] = _difference(paired(outcomes, setting, best), setting == best)
        if setting in surrogate:
            cells |= _predicted(list(surrogate[setting].values()))
            cells["surrogate_difference"] = _difference(paired(surrogate, setting, best), setting == best)
            if kept := _kept(surrogate[setting]):
                cells |= {name: _replayed(cells[name], kept) for name in SURROGATE}
        for kind, found in chance.items():
            if setting in found:
                detail = f"{len(found[setting])} seeds, {source}"
                cells[kind] = Cell(interval_text(found[setting]), "measured", detail)
                cells[f"{kind}_difference"] = _difference(found[setting] - found[PAPER_BEST], setting == PAPER_BEST)
        table.add(ablation.label.format(setting), cells, searches=[run.result for run in runs])
    table.notes = _notes(number, spec, outcomes, surrogate, chance, best)
    if left_out := sum(setting not in outcomes for setting in ours):
        table.notes.append(f"{left_out} settings of this profile have not been run yet: make reproduce.")
    return table


table5, table6 = partial(ablation_table, 5), partial(ablation_table, 6)


def paper_settings(number: int) -> list[Setting]:
    """The settings of the paper's Table 5 or 6."""
    return [
        replace(PAPER_BEST, **{name: int(row[name]) for name in ("lam", "k", "xi") if name in row})
        for row in paper_table(number)
    ]


def differences(
    spec: RunSpec, profile: Profile, results: Path, chance: Chance, *, table: int
) -> dict[str, tuple[Setting, dict[Setting, np.ndarray]]]:
    """For the figures: panel -> the setting compared with, and setting -> (seeds,) values minus those of that one."""
    best = Setting.of(profile)
    settings = [*paper_settings(table), *ABLATIONS[table].ours(profile), best]
    outcomes = read_outcomes(spec, profile, results, settings)
    panels = {f"DARTS, {spec.llm}: f of the supernet (points)": (best, _against(outcomes, best))}
    if surrogate := surrogate_outcomes(spec, profile, results, settings):
        kept = [ABLATIONS[table].label.format(setting) for setting, runs in surrogate.items() if _kept(runs)]
        which = ", ".join(kept) if len(kept) <= 3 else f"{len(kept)} settings"
        replayed = f"\nreplayed from results/reference: {which}" if kept else ""
        panels[f"DARTS, {spec.llm}: surrogate (points){replayed}"] = (best, _against(surrogate, best))
    panels["DARTS, chance:null: surrogate (points)"] = (PAPER_BEST, _by_chance_against(chance["null"]))
    return panels


def _kept(runs: Mapping[int, SearchResult]) -> int:
    """How many of a setting's runs came with the checkout."""
    return sum(run.is_kept for run in runs.values())


def shown_scores(setting: Setting, spec: RunSpec, profile: Profile, results: Path) -> np.ndarray:
    """(k,) or fewer: the scores of the k best classes when inspiration begins, in %; of the run of this seed."""
    folder = setting.spec(spec, profile).folder(results)
    best: dict[str, float] = {}
    for record in read_rounds(folder):
        if record["round"] <= setting.lam:
            best[record["canonical"]] = max(record["score"], best.get(record["canonical"], -np.inf))
    return np.array(sorted(best.values(), reverse=True)[: setting.k])


def paired(outcomes: Outcomes, setting: Setting, best: Setting) -> np.ndarray:
    """(seeds,) f of a setting minus f of another, for the seeds that ran both."""
    a, b = outcomes.get(setting, {}), outcomes.get(best, {})
    return np.array([a[seed].score - b[seed].score for seed in sorted(a.keys() & b.keys())])


def verdict(judge: str, best: str, differences: Mapping[Any, np.ndarray]) -> str:
    """What the data of one judge decide about a setting; it speaks of no other judge, space or LLM.

    differences: every other setting's value minus the best one's, seed by seed. The intervals are widened for the
    number of settings (Bonferroni). Fewer seeds than FEWEST and differences that do not vary decide
    nothing: f lies on a grid, and forks often share their best cell.
    """
    run = [values for values in differences.values() if len(values)]
    known = [values for values in run if len(values) >= FEWEST]
    if not known:
        seeds = max(map(len, run), default=0)
        with_seeds = f"with {seeds} seed{'s' * (seeds != 1)}"
        return f"{judge}: undecided whether {best} is the best setting of those run, {with_seeds}."
    limits = [interval(values, len(known)) if np.ptp(values) > 1e-9 else (0.0, 0.0) for values in known]
    better, worse = sum(low > 0 for low, _ in limits), sum(high < 0 for _, high in limits)
    decided = f"{best} is{' not' if better else ''} the best setting of those run"
    if not better and worse < len(run):
        decided = f"undecided whether {decided}"
    short = len(run) - len(known)
    few = f" {short} more {'have' if short > 1 else 'has'} fewer than {FEWEST} seeds." if short else ""
    others = f"{len(limits)} other{'s' * (len(limits) != 1)}"
    return (
        f"{judge}: {decided}. Of {others} {better} are better and {worse} worse beyond 95 % intervals (paired, "
        f"Bonferroni), {len(limits) - better - worse} undecided; {_range(list(map(len, known)))} seeds.{few}"
    )


def _range(counts: Sequence[int]) -> str:
    """`4`, or `4 to 8` where the settings differ."""
    low, high = min(counts), max(counts)
    return str(low) if low == high else f"{low} to {high}"


def _final(run: SearchResult, value: str) -> float:
    return float(run.result["final"][value])


def _measured(runs: Sequence[SearchResult]) -> dict[str, Cell]:
    """The columns of one setting's runs: means with their intervals over seeds."""
    source = f"{_seeds(runs)}; {runs[0].config['data']['sentence']}"
    machine = "LLM and f on this machine, shared rounds included; the supernet's training is not in it"
    values = {
        "held_out": ([_final(run, "held_out") for run in runs], f"of the cell of highest f; {source}"),
        "own_params_m": ([_final(run, "params_m") for run in runs], "that cell at 36 channels and 20 cells"),
        "own_minutes": ([(run.result["llm_seconds"] + run.scoring_seconds) / 60 for run in runs], machine),
    }
    f = {"f": Cell(_with_n([_final(run, "oneshot") for run in runs]), "measured", source)}
    return f | {
        column: Cell(interval_text(each, digits=1 if column == "own_minutes" else 2), "measured", detail)
        for column, (each, detail) in values.items()
    }


def _with_n(values: Sequence[float]) -> str:
    """Each judge of a row may have other seeds, so the cell names their number."""
    return f"{interval_text(values)} (n = {len(values)})"


def _predicted(runs: Sequence[SearchResult]) -> dict[str, Cell]:
    """What the surrogates say of one setting's cells: the one that scored the search, and the other one."""
    config = runs[0].config
    searched = {"ridge": "surrogate_ridge"}.get(config["run"]["evaluator"].partition(":")[2], "surrogate_yahpo")
    sentence, n = config["data"]["sentence"], _seeds(runs)
    found = {"surrogate": Cell(_with_n([run.score for run in runs]), "measured", f"{n}; {sentence}")}
    for other in {"surrogate_yahpo", "surrogate_ridge"} - {searched}:
        values = [_final(run, other) for run in runs if other in run.result["final"]]
        found["other_judge"] = Cell(interval_text(values), "measured", f"{n}; {other}") if values else not_run(other)
    return found


def _replayed(cell: Cell, kept: int) -> Cell:
    """The same value, that stands on so many kept runs."""
    if cell.provenance != "measured":
        return cell
    return replace(cell, provenance="replayed", detail=f"{cell.detail}; {kept} of these runs kept in results/reference")


def _seeds(runs: Sequence[SearchResult]) -> str:
    """How many seeds, and which."""
    return f"{len(runs)} seed{'s' * (len(runs) != 1)} ({', '.join(str(run.seed) for run in runs)})"


def _difference(values: np.ndarray, itself: bool) -> Cell:
    if itself:
        return Cell("–", "measured", "the setting that the others are compared with")
    if not len(values):
        return not_run("no seed ran both settings")
    return Cell(interval_text(values, sign=True), "measured", f"mean of {len(values)} paired seeds, 95 % interval")


def _against(outcomes: Outcomes, best: Setting) -> dict[Setting, np.ndarray]:
    return {setting: paired(outcomes, setting, best) for setting in outcomes if setting != best}


def _by_chance_against(found: Mapping[Setting, np.ndarray]) -> dict[Setting, np.ndarray]:
    return {setting: values - found[PAPER_BEST] for setting, values in found.items() if setting != PAPER_BEST}


def _chance_columns(chance: Chance, best: str) -> dict[str, str]:
    columns = {}
    for kind in chance:
        columns[kind] = f"chance:{kind} in the LLM's place, surrogate (%)"
        columns[f"{kind}_difference"] = f"chance:{kind} minus that of {best}"
    return columns


def _of_chance(chance: Chance) -> list[str]:
    """What the columns without an LLM are."""
    said = "; ".join(BY_CHANCE[kind] for kind in chance)
    return [f"{said}. These columns say what the settings do to the algorithm alone."] if said else []


def _notes(
    number: int, spec: RunSpec, outcomes: Outcomes, surrogate: Outcomes, chance: Chance, best: Setting
) -> list[str]:
    label = ABLATIONS[number].label.format
    printed = [float(row["top1"]) for row in paper_table(number)]
    error = standard_error(max(printed), IMAGES)
    notes = [
        f"The paper's columns: one standard error of {max(printed):.2f} % on {IMAGES} images is {error:.2f} "
        f"points, and all its values lie within {max(printed) - min(printed):.2f} points.",
        verdict(f"By f of the supernet on the DARTS space, {spec.llm}", label(best), _against(outcomes, best)),
        verdict(f"By the surrogate on the DARTS space, {spec.llm}", label(best), _against(surrogate, best)),
        *(
            verdict(f"By the surrogate, chance:{kind} in the LLM's place", label(PAPER_BEST), _by_chance_against(found))
            for kind, found in chance.items()
        ),
        *_of_chance(chance),
        *caveats([run for by_seed in surrogate.values() for run in by_seed.values()]),
        "f is read on few images, so its highest value is too high by chance. The held-out column is the same cell on "
        "images that no search saw. ± is a 95 % interval of the mean over seeds; n = 1 has none.",
    ]
    runs = [run for by_seed in outcomes.values() for run in by_seed.values()]
    seeds = sorted({run.seed for run in runs})
    shared = min((setting.lam for setting in outcomes), default=0)
    alike = [seed for seed in seeds if all(run.result["round"] <= shared for run in runs if run.seed == seed)]
    if alike and len(outcomes) > 1:
        notes.append(
            f"Seed {', '.join(map(str, alike))}: every setting ends with a cell of the first {shared} rounds, which "
            "all share: there they cannot differ."
        )
    if runs:
        calls = sum(len(Unfolded(run.folder, run.folder).own_calls) for run in runs)
        notes.append(
            f"The runs of this table made {calls} LLM calls over {len(seeds)} "
            f"seed{'s' * (len(seeds) > 1)} besides those that they share with others, second questions for unreadable "
            "or known cells among them."
        )
    sources = sorted({run.config["data"]["sentence"] for run in runs})
    return [*notes, *(f"f: {source}. {ELSEWHERE}" for source in sources), *how_notes([run.folder for run in runs])]
