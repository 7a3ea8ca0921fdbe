"""Augmentation as batched tensor operations: of CIFAR, and of ImageNet what follows the crop (PC-DARTS, §5.1.1).

    batch = augment(images[order], generator, cutout=16)    # (N, 3, 32, 32) uint8 -> (N, 3, 32, 32) float32
    batch = augment_photographs(crops, generator)           # (N, 3, 224, 224) uint8 -> (N, 3, 224, 224) float32

Equal in distribution to the per-image transforms of public code, in their order: the padding is black before the
normalisation, the hole is zero after it. No Python per image: the same few operations on CPU and GPU.
"""

from collections.abc import Callable, Sequence
from functools import lru_cache
from itertools import permutations

import torch
from torch import Tensor

MEAN = (0.49139968, 0.48215827, 0.44653124)  # of CIFAR-10's training images; public code uses it for CIFAR-100 too
STD = (0.24703233, 0.24348505, 0.26158768)
PHOTOGRAPHS = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # mean and deviation of ImageNet's training images
GREY = (0.2989, 0.587, 0.114)  # what red, green and blue count in the brightness of a pixel (ITU-R 601-2)
Triple = tuple[float, float, float]
Place = tuple[int, int] | None  # (number of the first image, images of the whole batch) of a part of a batch


def normalise(images: Tensor, mean: Triple = MEAN, std: Triple = STD) -> Tensor:
    """(N, 3, H, W) uint8, or float in [0, 1] -> float32, each channel in standard deviations from the mean."""
    images = images if images.is_floating_point() else images / 255
    return (images - _channels(mean, images)) / _channels(std, images)


def _channels(values: Triple, like: Tensor) -> Tensor:
    return torch.tensor(values, device=like.device).view(1, 3, 1, 1)


def uniform(rows: int, n: int, generator: torch.Generator, place: Place = None) -> Tensor:
    """(rows, n) numbers in [0, 1), on the generator's device.

    place: of the n in a batch that is shared out. The numbers are drawn for the whole batch, so that each image gets
    the same ones, however the batch is shared out.
    """
    first, total = place or (0, n)
    return torch.rand(rows, total, generator=generator, device=generator.device)[:, first : first + n]


def augment(
    images: Tensor, generator: torch.Generator, *, pad: int = 4, cutout: int = 0, place: Place = None
) -> Tensor:
    """A random view of each image: a crop of the padded image, flipped or not, normalised, with a hole.

    images: (N, 3, H, W) uint8. generator: on the same device; its state decides the views. pad: pixels of black around
    the image before a crop of H x W. cutout: side of the square hole, whose centre lies anywhere in the image, so that
    at a border only part of it shows; 0 for none. place: as of `uniform`. Returns (N, 3, H, W) float32, channels_last
    if the input is.
    """
    n, _, height, width = images.shape
    draws = uniform(5, n, generator, place)  # crop y, x, flip, hole y, x: one launch
    rows = (draws[0] * (2 * pad + 1)).long()[:, None] + torch.arange(height, device=images.device)  # (N, H)
    columns = (draws[1] * (2 * pad + 1)).long()[:, None] + torch.arange(width, device=images.device)
    columns = torch.where(draws[2, :, None] < 0.5, columns.flip(1), columns)
    padded = torch.nn.functional.pad(images, (pad, pad, pad, pad)).permute(0, 2, 3, 1)  # (N, H + 2·pad, W + 2·pad, 3)
    index = torch.arange(n, device=images.device)
    views = padded[index[:, None, None], rows[:, :, None], columns[:, None, :]]  # (N, H, W, 3)
    batch = normalise(views.permute(0, 3, 1, 2))
    if cutout:
        batch = batch.masked_fill(holes(draws[3], draws[4], height, width, cutout), 0.0)
    return batch


def holes(y: Tensor, x: Tensor, height: int, width: int, side: int) -> Tensor:
    """(N, 1, H, W) bool, true inside the hole. y, x: (N,) uniform in [0, 1), where the centres lie."""

    def inside(centre: Tensor, length: int) -> Tensor:
        first = (centre * length).long()[:, None] - side // 2
        at = torch.arange(length, device=centre.device)
        return (at >= first) & (at < first + 2 * (side // 2))  # (N, length)

    return inside(y, height)[:, None, :, None] & inside(x, width)[:, None, None, :]


def augment_photographs(
    images: Tensor, generator: torch.Generator, *, jitter: Sequence[float] = (0.4, 0.4, 0.4, 0.2), place: Place = None
) -> Tensor:
    """Flip, change colours, normalise: what follows the random crop on ImageNet.

    images: (N, 3, H, W) uint8. generator, place: as of `augment`. jitter: how far brightness, contrast and saturation
    may be from 1, and the hue from 0 (in turns of the colour wheel, at most 0.5). Returns (N, 3, H, W) float32.
    """
    images = images.contiguous()  # a worker's rows of pixels: plane by plane is faster from here on
    draws = uniform(5, len(images), generator, place)
    pixels = torch.where((draws[0] < 0.5).view(-1, 1, 1, 1), images.flip(3), images) / 255
    if any(jitter):
        spans, middle = torch.tensor([jitter, (1, 1, 1, 0)], dtype=torch.float32, device=images.device)[..., None]
        changes = (2 * draws[1:] - 1) * spans + middle
        pixels = jitter_colours(pixels, changes, first=place[0] if place else 0)
    return normalise(pixels, *PHOTOGRAPHS)


def jitter_colours(pixels: Tensor, changes: Tensor, *, first: int = 0) -> Tensor:
    """Brightness, contrast, saturation and hue, one after the other, in an order of its own for each image.

    pixels: (N, 3, H, W) in [0, 1], changed in place. changes: (4, N) factors, the last in turns. first: number of the
    first image in the whole batch. Image number i has order i modulo 24 of the 24 orders: since images come in random
    order, that is as good as a draw.
    """
    for colour, images in _turns(len(pixels), first % len(ORDERS), pixels.device):
        pixels[images] = COLOURS[colour](pixels[images], changes[colour, images].view(-1, 1, 1, 1))
    return pixels


ORDERS = tuple(permutations(range(4)))


@lru_cache(maxsize=64)
def _turns(n: int, first: int, device: torch.device) -> list[tuple[int, Tensor]]:
    """Four rounds of four colour changes, one after the other: which change, and the images that undergo it then."""
    turns = []
    for turn in range(4):
        for colour in range(4):
            if images := [i for i in range(n) if ORDERS[(first + i) % len(ORDERS)][turn] == colour]:
                turns.append((colour, torch.tensor(images, device=device)))
    return turns


def _grey(pixels: Tensor) -> Tensor:
    return (pixels * _channels(GREY, pixels)).sum(1, keepdim=True)


def _hue(pixels: Tensor, turns: Tensor) -> Tensor:
    """Turn the colour wheel: to hue, saturation and value, and back."""
    value, low = pixels.amax(1, keepdim=True), pixels.amin(1, keepdim=True)
    chroma = value - low
    red, green, blue = pixels[:, 0:1], pixels[:, 1:2], pixels[:, 2:3]
    scale = chroma.clamp(min=1e-12)
    hue = torch.where(
        value == red,
        (green - blue) / scale,
        torch.where(value == green, 2 + (blue - red) / scale, 4 + (red - green) / scale),
    )
    k = (hue + 6 * turns + _channels((5.0, 3.0, 1.0), pixels)) % 6
    return value - chroma * torch.minimum(k, 4 - k).clamp(0, 1)


COLOURS: tuple[Callable[[Tensor, Tensor], Tensor], ...] = (
    lambda pixels, brightness: (pixels * brightness).clamp(0, 1),
    lambda pixels, contrast: torch.lerp(_grey(pixels).mean((2, 3), keepdim=True), pixels, contrast).clamp(0, 1),
    lambda pixels, saturation: torch.lerp(_grey(pixels), pixels, saturation).clamp(0, 1),
    _hue,
)
