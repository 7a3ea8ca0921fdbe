"""Figure 1: the paper's cheap methods, labels that do not collide, and ours only where it was measured."""

import json
from dataclasses import asdict

import pytest
from matplotlib import pyplot as plt

from seki_lib.files.errors import RunError
from seki_lib.report.figure1 import METHOD_STYLE, Point, draw, figure1, our_point, paper_points
from seki_lib.search.repository import Record
from seki_lib.spaces.darts import PUBLIC_GENOTYPES
from seki_lib.training.protocol import named_architecture


def drawn_names(figure):
    return [text for text in figure.axes[0].texts if text.get_text()]


def overlaps(figure):
    """Pairs of things that cover each other: labels, and the legend."""
    figure.canvas.draw()
    renderer = figure.canvas.get_renderer()
    things = [*drawn_names(figure), figure.axes[0].get_legend()]
    boxes = [thing.get_window_extent(renderer) for thing in things]
    return [(a, b) for i, a in enumerate(boxes) for b in boxes[:i] if a.overlaps(b)]


def test_every_method_of_at_most_one_gpu_day_is_a_point_of_the_papers_figure():
    points = {point.name: point for point in paper_points()}
    assert len(points) == 17
    assert max(point.gpu_days for point in points.values()) <= 1
    assert points["SEKI (paper)"] == Point("SEKI (paper)", 0.05, 2.29, "LLM", True)
    assert points["SWAP-NAS"].gpu_days == 0.004 and "ResNet" not in points and "NSGA-Net" not in points
    assert [point.name for point in points.values() if point.highlighted] == ["SEKI (paper)"]


def test_no_label_covers_another_or_the_legend(tmp_path):
    figure = figure1(tmp_path, "laptop")
    assert len(drawn_names(figure)) == 17
    assert overlaps(figure) == []
    plt.close(figure)


def test_labels_of_points_that_all_but_coincide_are_moved_apart():
    crowd = [Point(f"method {i}", 0.1 + 0.001 * (i % 3), 2.5 + 0.001 * (i // 3), "Gradient") for i in range(9)]
    figure = draw([*paper_points(), *crowd], "a crowd")
    assert len(drawn_names(figure)) == 26
    assert overlaps(figure) == []
    plt.close(figure)


def test_methods_differ_in_marker_and_colour():
    assert {point.method for point in paper_points()} == set(METHOD_STYLE)
    for values in zip(*METHOD_STYLE.values(), strict=True):
        assert len(set(values)) == len(METHOD_STYLE)


@pytest.fixture
def searched(tmp_path):
    """Makes a finished search of two evaluations, its supernet, and maybe the training of its cell."""

    def make(profile, device, errors=()):
        text = PUBLIC_GENOTYPES["DARTS_V2"]
        search = tmp_path / profile / "searches" / "darts" / "cifar10" / "llm" / "default" / "seed=0"
        name, _ = named_architecture(text)
        trainings = tmp_path / profile / "trainings" / "darts" / "cifar10" / name.replace("text", "searched")
        write(search / "config.json", {"data": {"sha256": "abc"}})
        write(search / "result.json", {"architecture": text, "score": 90.0, "llm_seconds": 400.0})
        records = [asdict(Record(i, "", text, text, 90.0, {}, "llm", 100.0)) for i in range(2)]
        (search / "history.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
        supernet = tmp_path / profile / "supernets" / "darts" / "cifar10" / "single_path" / "seed=0"
        write(supernet / "result.json", {"weights_sha256": "abc", "device": device, "seconds": 8040.0})
        for seed, error in enumerate(errors):
            write(trainings / f"seed={seed}" / "result.json", {"last_test_error": error})
        return tmp_path

    return make


def write(path, content):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


def test_ours_is_a_point_when_it_was_searched_on_a_gpu_and_trained_as_the_paper_trains(searched):
    point = our_point(searched("paper", "NVIDIA A100", [2.4, 2.6]), "paper")
    assert (point.gpu_days, point.error, point.highlighted) == (pytest.approx(0.1), 2.5, True)
    figure = figure1(searched("paper", "NVIDIA A100", [2.4, 2.6]), "paper")
    assert "SEKI (ours)" in [text.get_text() for text in drawn_names(figure)]
    assert "ours measured" in figure.axes[0].get_title(loc="left") and overlaps(figure) == []
    plt.close(figure)


@pytest.mark.parametrize(
    ("profile", "device", "errors", "reason"),
    [
        ("paper", "cpu", [2.5], "its search ran on a CPU"),
        ("laptop", "NVIDIA A100", [45.0], "short protocol"),
        ("paper", "NVIDIA A100", [], "seki train --arch found"),
    ],
)
def test_ours_is_left_out_with_the_reason_in_the_title(searched, profile, device, errors, reason):
    results = searched(profile, device, errors)
    with pytest.raises(RunError, match=reason):
        our_point(results, profile)
    figure = figure1(results, profile)
    assert reason in figure.axes[0].get_title(loc="left") and len(drawn_names(figure)) == 17
    plt.close(figure)
