"""The operations of DARTS and NAS-Bench-201, all (N, C, H, W) -> (N, C, H / stride, W / stride).

Public code puts a ReLU in front of every convolution. Here the cell does that once for each of its states, however many
operations read it: an operation whose class says `rectified = True` expects max(x, 0). `rectified(operation)` asks.
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn


class ConvBn(nn.Sequential):
    """Convolution and batch normalisation of a rectified input: (N, inputs, H, W) -> (N, outputs, H', W')."""

    rectified = True

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, *, affine: bool = True
    ):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs, affine=affine)
        )


class SepConv(nn.Sequential):
    """Depthwise-separable convolution, applied twice; the stride is in the first."""

    rectified = True

    def __init__(self, channels: int, kernel: int, stride: int, affine: bool):
        super().__init__(
            *_separable(channels, kernel, stride, kernel // 2, 1, affine),
            nn.ReLU(inplace=True),
            *_separable(channels, kernel, 1, kernel // 2, 1, affine),
        )


class DilConv(nn.Sequential):
    """Depthwise-separable convolution with holes of one: a 3x3 kernel sees 5x5, a 5x5 kernel 9x9."""

    rectified = True

    def __init__(self, channels: int, kernel: int, stride: int, affine: bool):
        super().__init__(*_separable(channels, kernel, stride, kernel - 1, 2, affine))


def _separable(
    channels: int, kernel: int, stride: int, padding: int, dilation: int, affine: bool
) -> tuple[nn.Module, ...]:
    return (
        nn.Conv2d(channels, channels, kernel, stride, padding, dilation, groups=channels, bias=False),
        nn.Conv2d(channels, channels, 1, bias=False),
        nn.BatchNorm2d(channels, affine=affine),
    )


class Conv7x1(nn.Sequential):
    """A 1x7 and a 7x1 convolution, each with the stride in its own direction (AmoebaNet-A)."""

    rectified = True

    def __init__(self, channels: int, stride: int, affine: bool):
        super().__init__(
            nn.Conv2d(channels, channels, (1, 7), (1, stride), (0, 3), bias=False),
            nn.Conv2d(channels, channels, (7, 1), (stride, 1), (3, 0), bias=False),
            nn.BatchNorm2d(channels, affine=affine),
        )


class FactorizedReduce(nn.Module):
    """Half the resolution by two 1x1 convolutions of stride 2, the second shifted by one pixel; nothing is padded.

    (N, inputs, H, W) -> (N, outputs, H / 2, W / 2), H and W even. Raises ValueError if `outputs` is odd.
    """

    rectified = True

    def __init__(self, inputs: int, outputs: int, affine: bool = True):
        super().__init__()
        if outputs % 2:
            raise ValueError(f"a factorized reduction makes an even number of channels, not {outputs}")
        self.even = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """x: rectified."""
        return self.bn(torch.cat([self.even(x), self.odd(x[:, :, 1:, 1:])], dim=1))  # type: ignore[no-any-return]


class Zero(nn.Module):
    """`none`: zeros, with a gradient of zeros, so that weight decay still reaches what lies before it."""

    def __init__(self, stride: int):
        super().__init__()
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W)."""
        return x[:, :, :: self.stride, :: self.stride] * 0.0


def _skip(channels: int, stride: int, affine: bool) -> nn.Module:
    return nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine)


OPERATIONS: dict[str, Callable[[int, int, bool], nn.Module]] = {  # name -> make(channels, stride, affine)
    "none": lambda channels, stride, affine: Zero(stride),
    "max_pool_3x3": lambda channels, stride, affine: nn.MaxPool2d(3, stride, 1),
    "avg_pool_3x3": lambda channels, stride, affine: nn.AvgPool2d(3, stride, 1, count_include_pad=False),
    "skip_connect": _skip,
    "sep_conv_3x3": lambda channels, stride, affine: SepConv(channels, 3, stride, affine),
    "sep_conv_5x5": lambda channels, stride, affine: SepConv(channels, 5, stride, affine),
    "sep_conv_7x7": lambda channels, stride, affine: SepConv(channels, 7, stride, affine),
    "dil_conv_3x3": lambda channels, stride, affine: DilConv(channels, 3, stride, affine),
    "dil_conv_5x5": lambda channels, stride, affine: DilConv(channels, 5, stride, affine),
    "conv_7x1_1x7": Conv7x1,
    "nor_conv_1x1": lambda channels, stride, affine: ConvBn(channels, channels, 1, stride, 0, affine=affine),
    "nor_conv_3x3": lambda channels, stride, affine: ConvBn(channels, channels, 3, stride, 1, affine=affine),
}


def rectified(operation: nn.Module) -> bool:
    """Whether the operation expects max(x, 0) rather than x."""
    return bool(getattr(operation, "rectified", False))
