"""The settings of PC-DARTS on ImageNet, to the number."""

import dataclasses

import pytest

from seki_lib.training.protocol import IMAGENET_PROTOCOLS, PROTOCOLS, ClassifierConfig, ImageNetConfig, get_protocol


def test_the_paper_protocol_on_imagenet_is_that_of_pc_darts():
    paper = dataclasses.asdict(get_protocol("paper", "imagenet"))
    expected = {
        "channels": 48, "layers": 14, "epochs": 250, "batch": 1024, "lr": 0.5, "momentum": 0.9, "weight_decay": 3e-5,
        "clip": 5.0, "auxiliary": 0.4, "cutout": 0, "drop_path": 0.0, "label_smoothing": 0.1, "stem": "imagenet",
        "resolution": 224, "resize": 256, "least_area": 0.08, "jitter": (0.4, 0.4, 0.4, 0.2), "warm_up": 5,
        "train_images": 0, "test_images": 0, "stand_in": False,
    }  # fmt: skip
    assert {name: paper[name] for name in expected} == expected
    assert IMAGENET_PROTOCOLS.keys() == PROTOCOLS.keys()
    assert not isinstance(get_protocol("paper", "cifar100"), ImageNetConfig)


def test_the_rate_warms_up_and_falls_in_two_straight_lines():
    config = ImageNetConfig()
    rates = [config.rate(epoch) for epoch in range(250)]
    assert rates[:5] == pytest.approx([0.1, 0.2, 0.3, 0.4, 0.5])
    assert rates[5] == pytest.approx(0.5 * 240 / 245)
    assert rates[244] == pytest.approx(0.5 / 245)
    assert rates[245:] == pytest.approx([0.5 * left / (245 * 5) for left in (5, 4, 3, 2, 1)])
    assert [ImageNetConfig(batch=256).rate(epoch) for epoch in (0, 3)] == pytest.approx([0.5, 0.5 * 242 / 245])
    assert all(
        rate > 0 for epochs in (1, 2, 5, 6, 8) for rate in map(ImageNetConfig(epochs=epochs).rate, range(epochs))
    )


@pytest.mark.parametrize("change", [{"stem": "mnist"}, {"resolution": 0}, {"resolution": 300}])
def test_settings_that_mean_nothing_are_refused(change):
    with pytest.raises(ValueError, match=next(iter(change))):
        ImageNetConfig(**change)


def test_cifar_keeps_its_settings():
    assert "label_smoothing" not in {field.name for field in dataclasses.fields(ClassifierConfig)}
