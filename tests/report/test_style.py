"""All figures follow one style, lines and texts do not cover each other, and commands do not load what draws."""

import random
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from matplotlib import pyplot as plt

from seki_lib.baseline_runs import BaselineRuns
from seki_lib.paper.settings import PAPER_BEST, Setting
from seki_lib.report import plots, prompting, style
from seki_lib.report.unfolded import Round
from seki_lib.spaces import get_space

REPORT = Path(prompting.__file__).parent


def test_the_style_of_all_figures_is_set_in_one_place():
    setting = {path.name for path in REPORT.glob("*.py") if "set_theme(" in path.read_text()}
    assert setting == {"style.py"}
    own = [path.name for path in REPORT.glob("*.py") if 'spines[["top"' in path.read_text()]
    assert not own  # what the style says once is not said again


def test_commands_do_not_load_what_draws():
    heavy = "'seaborn', 'matplotlib', 'pandas', 'torch'"
    code = f"import seki_lib.app.cli, sys; print([name for name in ({heavy}) if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize("lines", [1, 30])
def test_an_exchange_sets_prompts_and_cells_close_together(lines):
    space = get_space("nas201")
    before, after = space.random(random.Random(0)), space.random(random.Random(1))
    prompt = [{"role": "user", "content": "\n".join(["Cell: small skip pool large"] * lines)}]
    calls = [{"stage": "refine", "messages": prompt, "reply": "large skip"}]
    found = Round(1, "self-evolution", "", 1.0, "", 0.0, 1.0, "llm", calls)
    figure = prompting.exchange(found, before, after, ("before", "after"))
    figure.canvas.draw()
    words, *cells = figure.axes
    right = max(text.get_window_extent().x1 for text in words.texts)
    left = min(text.get_window_extent().x0 for axes in cells for text in axes.texts if text.get_text() == "in")
    assert 0 < (left - right) / figure.bbox.width < 0.15
    boxes = [text.get_bbox_patch() or text for text in words.texts]
    extents = [box.get_window_extent() for box in boxes]
    assert not any(a.overlaps(b) for i, a in enumerate(extents) for b in extents[:i])
    for axes in cells:  # nothing is cut off at the edge of a drawn cell
        assert all(axes.bbox.y1 >= text.get_window_extent().y1 for text in axes.texts)
    plt.close(figure)


def test_the_heat_map_says_every_setting_its_difference_and_its_interval():
    rng = np.random.default_rng(0)
    settings = [Setting(35, k, round(k * share)) for k in (8, 16, 24) for share in (1, 0.5, 0.25)]
    values = {setting: rng.normal(size=4) for setting in settings if setting != PAPER_BEST}
    figure = plots.heat_map({"f (points)": (PAPER_BEST, values)})
    texts = [text.get_text() for text in figure.axes[0].texts]
    assert len(texts) == 9 and "ξ = 8\ncompared with" in texts
    expected = f"ξ = 2\n{values[Setting(35, 8, 2)].mean():+.2f} ± "
    assert any(text.startswith(expected) for text in texts)
    assert [tick.get_text() for tick in figure.axes[0].get_yticklabels()] == ["8", "16", "24"]
    plt.close(figure)


def test_one_seed_has_a_point_and_no_interval():
    values = {Setting(15, 16, 8): np.array([0.5]), Setting(25, 16, 8): np.array([-0.5])}
    figure = plots.ablation({"f (points)": (Setting(4, 16, 8), values)})
    assert "minus that of λ = 4; n = 1" in figure.axes[0].get_xlabel()
    drawn = [line.get_xdata() for line in figure.axes[0].get_lines() if line.get_linestyle() != "None"]
    assert not any(len(x) == 2 and np.ptp(x) > 0 for x in drawn)
    plt.close(figure)


def test_bands_hold_the_middle_eighty_percent_of_a_baselines_seeds():
    scores = {name: np.arange(11.0)[:, None] + np.zeros((11, 5)) + 80 for name in style.BASELINES}
    baselines = BaselineRuns(("cifar10_test",), scores, {})
    figure = plots.best_so_far([[81.0, 80.0, 85.0, 84.0, 86.0]], baselines, lam=3, label="an LLM", oracle=91.0)
    axes = figure.axes[0]
    for band in axes.collections:
        ys = band.get_paths()[0].vertices[:, 1]
        assert (ys.min(), ys.max()) == (81.0, 89.0)
    assert [81.0, 81.0, 85.0, 85.0, 86.0] in [list(line.get_ydata()) for line in axes.get_lines()]
    plt.close(figure)
