"""Beyond the paper: how well f(α) orders cells, as a table and a figure (notebook 01)."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import seaborn
from matplotlib.figure import Figure

from ..training.machine import ELSEWHERE, trained_on
from . import style  # noqa: F401 - of all figures
from .tables import Cell, Table
from .trust import Ranking


def trust_table(
    rankings: Mapping[tuple[str, str], Ranking],
    profile: str,
    source: str,
    judges: Mapping[str, str],
    trained: Mapping[str, Mapping[str, Any]],
) -> Table:
    """Kendall's τ and regret. rankings: of (space, BN mode); trained: `result.json` of each space's supernet."""
    columns = ["judged by", "cells", "Kendall's τ [95 %]", "regret of f's top ten, points [95 %]", "supernet (s)"]
    table = Table("trust", f"How far f(α) can be trusted, profile {profile}", {c: c for c in columns})
    for (space, bn), found in rankings.items():
        detail = f"{source}; BN statistics: {bn}"
        texts = (
            judges[space],
            str(found.cells),
            f"{found.tau:.2f} [{found.tau_interval[0]:.2f}, {found.tau_interval[1]:.2f}]",
            f"{found.regret:.2f} [{found.regret_interval[0]:.2f}, {found.regret_interval[1]:.2f}]",
            f"{trained[space]['seconds']:.0f}",
        )
        table.add(
            f"{space}, {bn} statistics",
            {c: Cell(text, "measured", detail) for c, text in zip(columns, texts, strict=True)},
        )
    table.notes = [
        "τ is 1 if f orders the cells as the judge does, 0 if it guesses. Intervals: bootstrap over cells of one "
        "supernet; how another seed or another machine would move it is not in them. That of the regret is rough.",
        "The regret is how far the best of f's top ten cells lies below the best of all cells here, as the judge sees "
        "it; with twelve cells or fewer it says little.",
        *(
            f"{space}: supernet of seed {found['seed']}, trained on {trained_on(found)}."
            for space, found in trained.items()
        ),
        f"{ELSEWHERE} τ and regret differ there too.",
    ]
    return table


def trust_figure(panels: Mapping[str, tuple[Mapping[str, np.ndarray], Sequence[float]]]) -> Figure:
    """F against a better judge. panels: title -> (BN mode -> (cells,) f in %, (cells,) the judge's accuracy in %)."""
    frames = [
        pd.DataFrame({"f": f, "truth": truth, "BN statistics": bn, "judge": title})
        for title, (values, truth) in panels.items()
        for bn, f in values.items()
    ]
    pairs = seaborn.relplot(
        pd.concat(frames), x="f", y="truth", hue="BN statistics", style="BN statistics", markers=["o", "X"],
        col="judge", alpha=0.6, s=30, height=4.2, aspect=1.2, facet_kws={"sharex": False, "sharey": False},
    )  # fmt: skip
    pairs.set_axis_labels("f(α): accuracy of the subnetwork (%)", "accuracy by the judge (%)")
    for (title, (_, truth)), axes in zip(panels.items(), pairs.axes.flat, strict=True):
        if len(truth) > 50:  # a few broken cells must not squeeze all others
            bottom = float(np.quantile(truth, 0.05)) - 1
            axes.set_ylim(bottom, float(np.max(truth)) + 0.5)
            title += f"; {int(np.sum(np.asarray(truth) < bottom))} of {len(truth)} cells lie below"
        axes.set_title(title)
    figure: Figure = pairs.figure
    return figure
