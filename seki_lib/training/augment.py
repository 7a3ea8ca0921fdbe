"""CIFAR augmentation as batched tensor operations: pad and crop, flip, normalise, cutout (paper §5.1.1, PC-DARTS).

    batch = augment(images[order], generator, cutout=16)    # (N, 3, 32, 32) uint8 -> (N, 3, 32, 32) float32

Equal in distribution to the per-image transforms of public code, in their order: the padding is black before the
normalisation, the hole is zero after it. No Python per image: the same few operations on CPU and GPU.
"""

import torch
from torch import Tensor

MEAN = (0.49139968, 0.48215827, 0.44653124)  # of CIFAR-10's training images; public code uses it for CIFAR-100 too
STD = (0.24703233, 0.24348505, 0.26158768)


def normalise(images: Tensor) -> Tensor:
    """(N, 3, H, W) uint8 -> float32, each channel in standard deviations from CIFAR-10's mean."""
    mean = torch.tensor(MEAN, device=images.device).view(1, 3, 1, 1)
    std = torch.tensor(STD, device=images.device).view(1, 3, 1, 1)
    return (images / 255 - mean) / std


def augment(images: Tensor, generator: torch.Generator, *, pad: int = 4, flip: bool = True, cutout: int = 0) -> Tensor:
    """A random view of each image.

    images: (N, 3, H, W) uint8. generator: on the same device; its state decides the views. pad: pixels of black around
    the image before a crop of H x W. cutout: side of the square hole, whose centre lies anywhere in the image, so that
    at a border only part of it shows; 0 for none. Returns (N, 3, H, W) float32, channels_last if the input is.
    """
    n, _, height, width = images.shape
    draws = torch.rand(5, n, generator=generator, device=images.device)  # crop y, x, flip, hole y, x: one launch
    rows = (draws[0] * (2 * pad + 1)).long()[:, None] + torch.arange(height, device=images.device)  # (N, H)
    columns = (draws[1] * (2 * pad + 1)).long()[:, None] + torch.arange(width, device=images.device)
    if flip:
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
