"""Augmentation: the batched views are those of the per-image transforms of public code, in distribution."""

import colorsys
import math
from itertools import permutations

import numpy as np
import pytest
import torch
from PIL import Image, ImageEnhance

from seki_lib.datasets.augment import (
    COLOURS,
    MEAN,
    PHOTOGRAPHS,
    STD,
    augment,
    augment_photographs,
    holes,
    jitter_colours,
    normalise,
)


def generator(seed=0):
    return torch.Generator().manual_seed(seed)


def images(n, seed=0):
    return torch.randint(1, 256, (n, 3, 32, 32), generator=generator(seed), dtype=torch.uint8)


def denormalised(batch):
    mean, std = torch.tensor(MEAN).view(1, 3, 1, 1), torch.tensor(STD).view(1, 3, 1, 1)
    return ((batch * std + mean) * 255).round().to(torch.uint8)


def test_without_padding_a_view_is_the_normalised_image_or_its_mirror_image():
    batch = images(5)
    views, flipped = augment(batch, generator(), pad=0), normalise(batch.flip(3))
    plain = normalise(batch)
    for view, image, mirrored in zip(views, plain, flipped, strict=True):
        torch.testing.assert_close(view, image if torch.allclose(view, image) else mirrored)
    assert torch.equal(denormalised(normalise(batch)), batch)


def reference_view(image, y, x, flip, hole_y, hole_x, side):
    """What public code does to one image: pad 4 and crop, flip, normalise, then cut out."""
    padded = np.pad(image, ((0, 0), (4, 4), (4, 4)))[:, y : y + 32, x : x + 32]
    view = padded[:, :, ::-1] if flip else padded
    view = (view / 255 - np.array(MEAN)[:, None, None]) / np.array(STD)[:, None, None]
    y1, y2 = np.clip([hole_y - side // 2, hole_y + side // 2], 0, 32)
    x1, x2 = np.clip([hole_x - side // 2, hole_x + side // 2], 0, 32)
    view[:, y1:y2, x1:x2] = 0
    return view


@pytest.mark.parametrize("side", [0, 7, 16])
def test_every_view_is_one_that_the_reference_transforms_make(side):
    batch = images(200)
    views = augment(batch, generator(3), cutout=side)
    draws = torch.rand(5, 200, generator=generator(3))  # the same numbers, read as the reference would
    for i, (y, x, flip, hole_y, hole_x) in enumerate(draws.T.tolist()):
        expected = reference_view(
            batch[i].numpy(), int(9 * y), int(9 * x), flip < 0.5, int(32 * hole_y), int(32 * hole_x), side
        )
        np.testing.assert_allclose(views[i].numpy(), expected, atol=2e-6)


def offsets(n):
    """Crop offset and flip of n views, read off images whose pixels name their place."""
    rows = torch.arange(32, dtype=torch.uint8).view(1, 1, 32, 1) + 1
    columns = torch.arange(32, dtype=torch.uint8).view(1, 1, 1, 32) + 1
    image = torch.stack([rows.expand(1, 1, 32, 32), columns.expand(1, 1, 32, 32), torch.zeros(1, 1, 32, 32)], 2)[0]
    views = denormalised(augment(image.to(torch.uint8).repeat(n, 1, 1, 1), generator(1))).int()
    flip = views[:, 1, 16, 16] > views[:, 1, 16, 17]
    y = views[:, 0, 16, 16] - 17 + 4
    x = torch.where(flip, views[:, 1, 16, 15] - 17 + 4, views[:, 1, 16, 16] - 17 + 4)
    return y, x, flip


def test_all_81_crop_offsets_are_equally_likely_and_half_the_views_are_flipped():
    n = 8_100
    y, x, flip = offsets(n)
    counts = torch.bincount(9 * y + x, minlength=81).double()
    chi2 = float(((counts - n / 81) ** 2 / (n / 81)).sum())
    assert len(counts) == 81 and chi2 < 80 + 4 * math.sqrt(160)
    assert abs(float(flip.double().mean()) - 0.5) < 4 * 0.5 / math.sqrt(n)


def test_holes_are_cut_at_borders_as_often_as_the_reference_does():
    side, n = 16, 20_000
    y, x = torch.rand(2, n, generator=generator(2))
    area = holes(y, x, 32, 32, side).flatten(1).sum(1).double()
    lengths = [min(c + 8, 32) - max(c - 8, 0) for c in range(32)]  # of the reference's hole, centre at c
    assert set(area.tolist()) == {float(a * b) for a in lengths for b in lengths}
    mean = (sum(lengths) / 32) ** 2
    spread = np.std([a * b for a in lengths for b in lengths])
    assert abs(float(area.mean()) - mean) < 4 * spread / math.sqrt(n)


def test_moments_of_augmented_images_are_those_of_the_reference():
    batch = images(3000, seed=5)
    views = augment(batch, generator(4), cutout=16).double()
    rng = np.random.default_rng(0)
    reference = np.stack(
        [
            reference_view(image, *rng.integers(0, 9, 2), rng.random() < 0.5, *rng.integers(0, 32, 2), 16)
            for image in batch.numpy()
        ]
    )
    tolerance = 5 * reference.mean((1, 2, 3)).std() / math.sqrt(3000) * math.sqrt(2)
    np.testing.assert_allclose(views.mean((0, 2, 3)), reference.mean((0, 2, 3)), atol=tolerance)
    np.testing.assert_allclose(views.std((0, 2, 3)), reference.std((0, 2, 3)), rtol=0.02)


def test_the_same_generator_state_gives_the_same_views():
    batch = images(20)
    assert torch.equal(augment(batch, generator(7), cutout=16), augment(batch, generator(7), cutout=16))
    assert not torch.equal(augment(batch, generator(7), cutout=16), augment(batch, generator(8), cutout=16))


def colours(n, seed=0):
    return torch.rand(n, 3, 5, 4, generator=generator(seed), dtype=torch.float64)


def test_each_colour_change_is_that_of_the_field():
    pixels, strong, weak = colours(1), torch.tensor([1.4]).view(-1, 1, 1, 1), torch.tensor([0.7]).view(-1, 1, 1, 1)
    image = Image.fromarray((pixels[0].permute(1, 2, 0) * 255).round().numpy().astype(np.uint8))
    start = torch.from_numpy(np.array(image)).permute(2, 0, 1)[None] / 255
    enhancers = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)
    for change, enhancer in zip(COLOURS, enhancers, strict=False):
        for factor in (strong, weak):
            theirs = np.array(enhancer(image).enhance(factor.item()), dtype=np.float32) / 255
            ours = change(start, factor)[0].permute(1, 2, 0).numpy()
            assert np.abs(ours - theirs).max() < 2.1 / 255  # Pillow rounds twice


def test_the_hue_turns_as_in_colorsys():
    pixels = torch.cat([colours(1), torch.full((1, 3, 5, 4), 0.5, dtype=torch.float64)])  # the second: grey
    for turns in (-0.2, 0.0, 0.13, 0.5):
        ours = COLOURS[3](pixels, torch.full((2, 1, 1, 1), turns, dtype=torch.float64))
        for image, turned in zip(pixels, ours, strict=True):
            for before, after in zip(image.flatten(1).T.tolist(), turned.flatten(1).T.tolist(), strict=True):
                h, s, v = colorsys.rgb_to_hsv(*before)
                assert after == pytest.approx(colorsys.hsv_to_rgb((h + turns) % 1, s, v), abs=1e-9)


def test_every_order_of_colour_changes_comes_up_equally_often():
    pixels = colours(1).expand(48, 3, 5, 4).clone()
    changes = torch.tensor([[1.3], [0.6], [1.2], [0.1]], dtype=torch.float64).expand(4, 48)
    jittered = jitter_colours(pixels.clone(), changes)
    for i, order in enumerate(permutations(range(4))):
        expected = pixels[:1]
        for colour in order:
            expected = COLOURS[colour](expected, changes[colour, :1].view(1, 1, 1, 1))
        torch.testing.assert_close(jittered[[i, i + 24]], expected.expand(2, 3, 5, 4))


def test_a_view_is_the_same_however_the_batch_is_shared_out():
    batch = images(30)
    for views in (augment, augment_photographs):
        whole = views(batch, generator(5))
        parts = [views(batch[a:b], generator(5), place=(a, 30)) for a, b in ((0, 7), (7, 29), (29, 30))]
        torch.testing.assert_close(torch.cat(parts), whole)


def test_half_of_the_photographs_are_flipped_and_none_is_changed_without_jitter():
    batch = images(400)
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in PHOTOGRAPHS)
    back = ((augment_photographs(batch, generator(), jitter=(0, 0, 0, 0)) * std + mean) * 255).round().to(torch.uint8)
    plain = (back == batch).flatten(1).all(1)
    assert torch.equal(back[~plain], batch[~plain].flip(3)) and 160 < plain.sum() < 240
    assert not torch.equal(augment_photographs(batch, generator()), augment_photographs(batch, generator(1)))
