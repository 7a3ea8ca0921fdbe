"""NAS-Bench-201's network, equal to the public code to the last parameter, and a supernet of the space.

Stem, three stages of `layers` cells at C, 2C and 4C, BN-ReLU, global pooling, linear classifier.
"""

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ...nn.cells import States, SumCell
from ...nn.operations import OPERATIONS, ConvBn
from ...nn.supernet import Edge
from . import EDGES, NasBench201Cell
from . import OPERATIONS as NAMES


class ResidualBlock(nn.Module):
    """NAS-Bench-201's reduction: (N, C, H, W) -> (N, 2C, H / 2, W / 2)."""

    def __init__(self, inputs: int, outputs: int):
        super().__init__()
        self.conv1 = ConvBn(inputs, outputs, 3, 2, 1)
        self.conv2 = ConvBn(outputs, outputs, 3, 1, 1)
        self.shortcut = nn.Sequential(nn.AvgPool2d(2, 2), nn.Conv2d(inputs, outputs, 1, bias=False))

    def forward(self, x: Tensor) -> Tensor:
        """x: not rectified."""
        residual = self.conv2(torch.relu(self.conv1(torch.relu(x))))
        return self.shortcut(x) + residual  # type: ignore[no-any-return]


class NasBench201Network(nn.Module):
    """images (N, 3, H, W) float -> logits (N, classes). make_cell: a cell of so many channels."""

    def __init__(self, make_cell: Callable[[int], nn.Module], channels: int, layers: int, classes: int):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        blocks: list[nn.Module] = []
        for stage in range(3):
            width = channels * 2**stage
            if stage:
                blocks.append(ResidualBlock(width // 2, width))
            blocks += [make_cell(width) for _ in range(layers)]
        self.blocks = nn.ModuleList(blocks)
        self.bn = nn.BatchNorm2d(4 * channels)
        self.classifier = nn.Linear(4 * channels, classes)

    def forward(self, images: Tensor, *chosen: Sequence[int]) -> Tensor:
        """images: (N, 3, H, W). chosen: of a supernet, the operation of each edge."""
        features = self.stem(images)
        for block in self.blocks:
            features = block(features) if isinstance(block, ResidualBlock) else block(features, *chosen)
        return self.classifier(torch.relu(self.bn(features)).mean((2, 3)))  # type: ignore[no-any-return]


class SupernetCell(nn.Module):
    """All 6 edges x 5 operations of a cell."""

    def __init__(self, channels: int):
        super().__init__()
        self.edges = nn.ModuleList(Edge(NAMES, channels) for _ in EDGES)

    def forward(self, x: Tensor, chosen: Sequence[int]) -> Tensor:
        """x: (N, C, H, W), not rectified. chosen: the operation of each edge."""
        states = States(x)
        for edge, operation, (source, target) in zip(self.edges, chosen, EDGES, strict=True):
            states.add(target, edge(states, source, [(operation, None)]))
        return states.plain[-1]


class NasBench201Supernet(NasBench201Network):
    """The benchmark's network with all candidates in its cells: images and a cell -> logits."""

    kind = "single_path"

    def __init__(self, channels: int, layers: int, classes: int):
        super().__init__(SupernetCell, channels, layers, classes)

    def architecture_parameters(self) -> list[Tensor]:
        """Nothing: there is no α."""
        return []

    def forward(self, images: Tensor, arch: NasBench201Cell | None = None) -> Tensor:  # type: ignore[override]
        """images: (N, 3, H, W)."""
        if arch is None:
            raise ValueError("a single_path supernet runs one cell at a time: supernet(images, cell)")
        return super().forward(images, [NAMES.index(name) for name in arch.edges])


def build(arch: NasBench201Cell, channels: int, layers: int, classes: int, **_: Any) -> NasBench201Network:
    """The benchmark's network of a cell."""

    def cell(width: int) -> nn.Module:
        return SumCell((OPERATIONS[name](width, 1, True) for name in arch.edges), EDGES)

    return NasBench201Network(cell, channels, layers, classes)


def build_supernet(channels: int, layers: int, classes: int, **_: Any) -> NasBench201Supernet:
    """The supernet of the space."""
    return NasBench201Supernet(channels, layers, classes)
