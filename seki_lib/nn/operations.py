"""The operations of DARTS and NAS-Bench-201, all (N, C, H, W) -> (N, C, H / stride, W / stride).

Public code puts a ReLU in front of every convolution. Here the cell does that once for each of its states, however many
operations read it: a `Rectified` operation expects max(x, 0).
"""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional


class Rectified:
    """An operation that expects max(x, 0) rather than x."""


class ConvBn(Rectified, nn.Sequential):
    """Convolution and batch normalisation of a rectified input: (N, inputs, H, W) -> (N, outputs, H', W')."""

    def __init__(
        self, inputs: int, outputs: int, kernel: int, stride: int = 1, padding: int = 0, *, affine: bool = True
    ):
        super().__init__(
            nn.Conv2d(inputs, outputs, kernel, stride, padding, bias=False), nn.BatchNorm2d(outputs, affine=affine)
        )


class Separable(Rectified, nn.Sequential):
    """Depthwise-separable convolution of a rectified input, `times` in a row; the stride is in the first.

    dilation 2: with holes of one, a 3x3 kernel sees 5x5, a 5x5 kernel 9x9.
    """

    def __init__(self, channels: int, kernel: int, stride: int, affine: bool, *, times: int = 1, dilation: int = 1):
        layers: list[nn.Module] = []
        for step in (stride, 1)[:times]:
            layers += [nn.ReLU(inplace=True)] if layers else []
            layers += [
                nn.Conv2d(
                    channels, channels, kernel, step, dilation * (kernel // 2), dilation, groups=channels, bias=False
                ),
                nn.Conv2d(channels, channels, 1, bias=False),
                nn.BatchNorm2d(channels, affine=affine),
            ]
        super().__init__(*layers)


class FactorizedReduce(Rectified, nn.Module):
    """Half the resolution by two 1x1 convolutions of stride 2, the second shifted by one pixel.

    (N, inputs, H, W) -> (N, outputs, H / 2, W / 2), rounded up: odd sizes are padded with zeros. Raises ValueError if
    `outputs` is odd.
    """

    def __init__(self, inputs: int, outputs: int, affine: bool = True):
        super().__init__()
        if outputs % 2:
            raise ValueError(f"a factorized reduction makes an even number of channels, not {outputs}")
        self.even = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.odd = nn.Conv2d(inputs, outputs // 2, 1, 2, bias=False)
        self.bn = nn.BatchNorm2d(outputs, affine=affine)

    def forward(self, x: Tensor) -> Tensor:
        """x: rectified."""
        whole = functional.pad(x, (0, 1, 0, 1)) if x.size(2) % 2 else x
        return self.bn(torch.cat([self.even(x), self.odd(whole[:, :, 1:, 1:])], dim=1))  # type: ignore[no-any-return]


class Zero(nn.Module):
    """`none`: zeros, with a gradient of zeros, so that weight decay still reaches what lies before it.

    (N, C, H, W) -> (N, times·C, H / stride, W / stride).
    """

    def __init__(self, stride: int, times: int = 1):
        super().__init__()
        self.stride, self.times = stride, times

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W)."""
        zeros = x[:, :, :: self.stride, :: self.stride] * 0.0
        return zeros if self.times == 1 else zeros.repeat(1, self.times, 1, 1)


OPERATIONS: dict[str, Callable[[int, int, bool], nn.Module]] = {  # name -> make(channels, stride, affine)
    "none": lambda channels, stride, affine: Zero(stride),
    "max_pool_3x3": lambda channels, stride, affine: nn.MaxPool2d(3, stride, 1),
    "avg_pool_3x3": lambda channels, stride, affine: nn.AvgPool2d(3, stride, 1, count_include_pad=False),
    "skip_connect": lambda channels, stride, affine: (
        nn.Identity() if stride == 1 else FactorizedReduce(channels, channels, affine)
    ),
    "sep_conv_3x3": lambda channels, stride, affine: Separable(channels, 3, stride, affine, times=2),
    "sep_conv_5x5": lambda channels, stride, affine: Separable(channels, 5, stride, affine, times=2),
    "dil_conv_3x3": lambda channels, stride, affine: Separable(channels, 3, stride, affine, dilation=2),
    "dil_conv_5x5": lambda channels, stride, affine: Separable(channels, 5, stride, affine, dilation=2),
    "nor_conv_1x1": lambda channels, stride, affine: ConvBn(channels, channels, 1, stride, 0, affine=affine),
    "nor_conv_3x3": lambda channels, stride, affine: ConvBn(channels, channels, 3, stride, 1, affine=affine),
}
