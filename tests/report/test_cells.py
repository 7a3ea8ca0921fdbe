"""Drawn cells: every operation is labelled, nothing overlaps, and the same cell gives the same file."""

import random

import pytest
from matplotlib import pyplot as plt

from seki_lib.report.cells import EDGE_STYLE, draw, draw_cell
from seki_lib.report.plots import compared_errors, learning_curve, save
from seki_lib.spaces import get_space
from seki_lib.spaces.darts import OPERATIONS, PUBLIC_GENOTYPES

SPACE = get_space("darts")


@pytest.mark.parametrize("which", ["normal", "reduce"])
def test_every_operation_is_labelled_and_no_label_covers_another(which):
    rng = random.Random(0)
    for _ in range(5):
        genotype = SPACE.random(rng)
        figure = draw_cell(genotype, which, "title")
        figure.canvas.draw()
        texts = [text for text in figure.axes[0].texts if text.get_text()]
        drawn = sorted(text.get_text() for text in texts if " " in text.get_text())
        names = [op.replace("_", " ").replace("3x3", "3×3").replace("5x5", "5×5") for op, _ in getattr(genotype, which)]
        assert drawn == sorted(names)
        assert {"0", "1", "2", "3", "$c_k$", "$c_{k-1}$", "$c_{k-2}$"} <= {text.get_text() for text in texts}
        boxes = [text.get_window_extent() for text in texts]
        assert not any(a.overlaps(b) for i, a in enumerate(boxes) for b in boxes[:i])
        plt.close(figure)


def test_operations_differ_without_colour_or_stand_labelled():
    assert set(EDGE_STYLE) == set(OPERATIONS)
    assert len({colour for colour, _ in EDGE_STYLE.values()}) == len(EDGE_STYLE)


def test_the_same_cell_gives_the_same_svg(tmp_path):
    genotype = SPACE.parse(PUBLIC_GENOTYPES["PC_DARTS"])
    for name in ("a", "b"):
        save(draw_cell(genotype, "normal"), tmp_path, name)
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert (tmp_path / "a.png").stat().st_size > 5000


def test_curves_and_comparisons_show_what_they_are_given():
    epochs = [{"epoch": i, "train_error": 90 - i, "test_error": 80 - i, "lr": 0.1 / i} for i in range(1, 6)]
    figure = learning_curve(epochs, "t")
    assert [79, 78, 77, 76, 75] in [list(line.get_ydata()) for line in figure.axes[0].get_lines()]
    assert figure.axes[1].get_lines()[0].get_ydata()[0] == 0.1
    plt.close(figure)
    figure = compared_errors([("A", 40.0, 1000), ("random-0", 50.0, 1000)])
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["A", "random-0"]
    plt.close(figure)


@pytest.mark.parametrize(
    ("name", "titles"), [("nas201", ["f 9 %"]), ("darts", ["normal cell, f 9 %", "reduce cell, f 9 %"])]
)
def test_a_cell_of_any_space_is_drawn_under_its_title(name, titles):
    figures = draw(get_space(name).random(random.Random(0)), "f 9 %")
    drawn = ["".join(figure.axes[0].get_title(loc) for loc in ("left", "center")) for figure in figures]
    assert drawn == titles
    for figure in figures:
        plt.close(figure)
