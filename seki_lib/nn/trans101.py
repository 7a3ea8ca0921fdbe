"""TransNAS-Bench-101's micro network, written from the facts of the public code (yawen-d/TransNASBench).

    build_network("trans101", "64-41414-1_02_333", channels=64, layers=2, classes=75)

Five stages, "41414", of `layers` cells each (2 in the benchmark); the first cell of a "4" halves the resolution and
doubles the channels on every edge from its input. The benchmark's other tasks put a decoder in place of the classifier.
"""

from collections.abc import Sequence

import torch
from torch import Tensor, nn
from torch.nn import functional

from ..spaces.six_edges import EDGES
from ..spaces.trans101 import BACKBONE
from .cells import States
from .operations import ConvBn, FactorizedReduce, rectified

STAGES = BACKBONE.partition("-")[2]  # a digit a stage: even doubles the channels, above 2 halves the resolution


class PaddedReduce(FactorizedReduce):
    """A factorized reduction that pads with zeros, so that it takes odd sizes too: H -> (H + 1) / 2."""

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, inputs, H, W), rectified."""
        shifted = functional.pad(x, (0, 1, 0, 1))[:, :, 1:, 1:]
        return self.bn(torch.cat([self.even(x), self.odd(shifted)], dim=1))  # type: ignore[no-any-return]


class Nothing(nn.Module):
    """`none`: zeros in the shape of what the other operations give, with a gradient of zeros."""

    def __init__(self, times: int, stride: int):
        super().__init__()
        self.times, self.stride = times, stride

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W) -> (N, times·C, H / stride, W / stride)."""
        return (x[:, :, :: self.stride, :: self.stride] * 0.0).repeat(1, self.times, 1, 1)


def make_operation(name: str, inputs: int, outputs: int, stride: int) -> nn.Module:
    """One of the four operations: (N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
    if name == "none":
        return Nothing(outputs // inputs, stride)
    if name == "skip_connect":
        return nn.Identity() if (inputs, stride) == (outputs, 1) else PaddedReduce(inputs, outputs)
    kernel = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name]
    return ConvBn(inputs, outputs, kernel, stride, kernel // 2)


class TransNasBench101CellModule(nn.Module):
    """One cell: every node sums its edges. (N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""

    def __init__(self, operations: Sequence[str], inputs: int, outputs: int, stride: int):
        super().__init__()
        self.stride = stride
        self.operations = nn.ModuleList(
            make_operation(name, outputs if source else inputs, outputs, 1 if source else stride)
            for name, (source, _) in zip(operations, EDGES, strict=True)
        )
        self.rectified = [rectified(operation) for operation in self.operations]

    def forward(self, x: Tensor) -> Tensor:
        """x: not rectified."""
        states = States(x)
        for i, (source, target) in enumerate(EDGES):
            term = self.operations[i](states[source, self.rectified[i]])
            if target == len(states.plain):
                states.plain.append(term)
            else:
                states.plain[target] = states.plain[target] + term
        return states.plain[-1]


class TransNasBench101Network(nn.Module):
    """The backbone (stem and stages) under a classifier: images (N, 3, H, W) float -> logits (N, classes).

    The stem halves the resolution twice; the backbone leaves (N, 8·channels, H / 32, W / 32).
    """

    def __init__(self, operations: Sequence[str], channels: int, layers: int, classes: int):
        super().__init__()
        half = channels // 2
        stem = [
            nn.Conv2d(3, half, 3, 2, 1, bias=False), nn.BatchNorm2d(half), nn.ReLU(inplace=True),
            nn.Conv2d(half, channels, 3, 2, 1, bias=False), nn.BatchNorm2d(channels),
        ]  # fmt: skip
        cells: list[nn.Module] = []
        width = channels
        for digit in map(int, STAGES):
            outputs, stride = width * (2 if digit % 2 == 0 else 1), 2 if digit > 2 else 1
            cells.append(TransNasBench101CellModule(operations, width, outputs, stride))
            cells += [TransNasBench101CellModule(operations, outputs, outputs, 1) for _ in range(layers - 1)]
            width = outputs
        self.backbone = nn.Sequential(*stem, *cells)
        self.classifier = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """images: (N, 3, H, W)."""
        return self.classifier(self.backbone(images).mean((2, 3)))  # type: ignore[no-any-return]
