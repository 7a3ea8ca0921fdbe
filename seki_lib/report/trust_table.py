"""Beyond the paper: how well every judge of the kit orders cells, as a table, a figure and sentences (notebook 01)."""

from collections.abc import Sequence

import numpy as np
from matplotlib import pyplot as plt
from matplotlib.figure import Figure

from ..training.machine import ELSEWHERE, trained_on
from .statistics import interval
from .style import BLUE, GREY, ORANGE
from .tables import Cell, Table, not_run
from .trust import Judged, Lacking

SPACES = {"nas201": "NAS-Bench-201", "trans101": "TransNAS-Bench-101", "darts": "DARTS"}
TAU = "Kendall's τ [95 %]"
COLUMNS = (
    "space", "truth", "cells", TAU, "τ in the best fifth [95 %]", "regret of the judge's top ten (points)",
    "seconds a cell", "supernet (s)",
)  # fmt: skip
NOTES = (
    "τ is 1 if a judge orders the cells as the truth does, and 0 if it guesses. The best fifth is that of the truth. "
    "Intervals: bootstrap over cells.",
    "The regret is how far the best of a judge's top ten cells lies below the best of all cells here. It has no "
    "interval, because a bootstrap does not know how a maximum varies. Seconds a cell are a median.",
    "f is a cell's accuracy inside the supernet. zero_cost scores prefer large cells; zero_cost:params is the number "
    "of parameters. A surrogate predicts the accuracy, and has learned from other trainings of the same benchmark.",
)


def trust_table(rows: Sequence[Judged | Lacking], profile: str) -> Table:
    """A row for each judge of each space, and below them what the numbers say."""
    title = f"How far f(α) and the kit's other judges can be trusted, profile {profile}"
    table = Table("trust", title, {column: column for column in COLUMNS})
    for row in rows:
        if isinstance(row, Lacking):
            table.add(row.judge, {"space": Cell(SPACES[row.space], "not run"), TAU: not_run(row.needs)})
            continue
        texts = (
            SPACES[row.space],
            row.says,
            str(row.overall.cells),
            str(row.overall),
            str(row.in_best_fifth),
            f"{row.overall.regret:.2f}",
            f"{row.seconds:.6f}" if row.seconds < 1e-4 else f"{row.seconds:.2g}",
            f"{row.trained['seconds']:.0f}" if row.trained else "",
        )
        table.add(row.label, {column: Cell(text, "measured") for column, text in zip(COLUMNS, texts, strict=True)})
    judged = by_space(rows)
    table.notes = [*map(verdict, judged.values()), *NOTES, *_on_supernets([r for of in judged.values() for r in of])]
    return table


def by_space(rows: Sequence[Judged | Lacking]) -> dict[str, list[Judged]]:
    """Space -> the judges that could be asked there; spaces without any are left out."""
    found: dict[str, list[Judged]] = {}
    for row in rows:
        if isinstance(row, Judged):
            found.setdefault(row.space, []).append(row)
    return found


def verdict(rows: Sequence[Judged]) -> str:
    """What the numbers of one space say about f, the number of parameters, and the judge of the highest τ."""
    title, said = SPACES[rows[0].space], []
    for judge in dict.fromkeys(row.judge for row in rows if row.trained):
        seeds = [row.overall for row in rows if row.judge == judge]
        if len(seeds) == 1:
            value, low, high = str(seeds[0]), seeds[0].low, seeds[0].high
        else:
            taus = [seed.tau for seed in seeds]
            low, high = interval(taus)
            value = f"{np.mean(taus):.2f} [{low:.2f}, {high:.2f}] (mean of {len(taus)} supernet seeds, 95 %)"
        doubt = ", worse than a guess" if high < 0 else ", which may be a guess" if low <= 0 else ""
        said.append(f"On {title} {judge} orders cells with τ {value}{doubt}.")
    said += [f"On {title} parameters alone reach τ {row.overall}." for row in rows if row.judge == "zero_cost:params"]
    best = max(rows, key=lambda row: float(np.nan_to_num(row.overall.tau, nan=-1)))
    said.append(f"The highest τ there has {best.label}: {best.overall}; in the best fifth {best.in_best_fifth}.")
    return " ".join(said)


def _on_supernets(rows: Sequence[Judged]) -> list[str]:
    """Which supernets were asked, and what their number leaves open."""
    trained = [row.trained for row in rows if row.trained]
    if not trained:
        return []
    seeds = sorted({found["seed"] for found in trained})
    one = "One supernet seed: the intervals do not say how another one would move τ of f. `make trust` trains three."
    many = f"Supernets of the seeds {', '.join(map(str, seeds))}. The intervals in the rows of f are over cells only."
    machines = "; ".join(sorted({trained_on(found) for found in trained}))
    return [one if len(seeds) == 1 else many, f"Supernets were trained on {machines}. {ELSEWHERE} τ differs there too."]


def trust_figure(rows: Sequence[Judged | Lacking]) -> Figure:
    """τ of every judge with its interval, on all cells and in the best fifth; a panel a space."""
    panels = by_space(rows)
    heights = [len(judged) for judged in panels.values()]
    figure, grid = plt.subplots(
        len(panels), figsize=(7.5, 1.4 + 0.34 * sum(heights)), height_ratios=heights, sharex=True, squeeze=False
    )
    for axes, (space, judged) in zip(grid.flat, panels.items(), strict=True):
        parts = (
            ("all cells", ORANGE, "o", -0.12, [row.overall for row in judged]),
            ("best fifth", BLUE, "s", 0.12, [row.in_best_fifth for row in judged]),
        )
        for label, colour, marker, offset, found in parts:
            taus = np.array([one.tau for one in found])
            ends = np.array([(one.tau - one.low, one.high - one.tau) for one in found]).T
            places = np.arange(len(found)) + offset
            axes.errorbar(taus, places, xerr=ends.clip(0), fmt=marker, color=colour, ms=4, label=label)
        axes.axvline(0, color=GREY, lw=0.8, zorder=0)
        axes.set_yticks(range(len(judged)), [row.label for row in judged])
        axes.set_title(f"{SPACES[space]}, {judged[0].overall.cells} cells", loc="left")
        axes.set_ylim(len(judged) - 0.5, -0.5)
    figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="upper right", ncols=2)
    grid[-1, 0].set_xlabel("Kendall's τ with the truth, 95 % interval over cells")
    figure.tight_layout()
    return figure
