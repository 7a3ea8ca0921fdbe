"""TransNAS-Bench-101's micro network, written from the facts of the public code (yawen-d/TransNASBench).

    build_network("trans101", "64-41414-1_02_333", channels=64, layers=2, classes=75)

Five stages, "41414", of `layers` cells each (2 in the benchmark); the first cell of a "4" halves the resolution and
doubles the channels on every edge from its input. The benchmark's other tasks put a decoder in place of the classifier.
"""

from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn

from ...nn.cells import SumCell
from ...nn.operations import ConvBn, FactorizedReduce, Zero
from ..six_edges import EDGES
from . import BACKBONE, TransNasBench101Cell

STAGES = BACKBONE.partition("-")[2]  # a digit a stage: even doubles the channels, above 2 halves the resolution


def make_operation(name: str, inputs: int, outputs: int, stride: int) -> nn.Module:
    """One of the four operations: (N, inputs, H, W) -> (N, outputs, H / stride, W / stride)."""
    if name == "none":
        return Zero(stride, outputs // inputs)
    if name == "skip_connect":
        return nn.Identity() if (inputs, stride) == (outputs, 1) else FactorizedReduce(inputs, outputs)
    kernel = {"nor_conv_1x1": 1, "nor_conv_3x3": 3}[name]
    return ConvBn(inputs, outputs, kernel, stride, kernel // 2)


def make_cell(operations: Sequence[str], inputs: int, outputs: int, stride: int) -> SumCell:
    """One cell: (N, inputs, H, W) -> (N, outputs, H / stride, W / stride); the stride is on the edges of its input."""
    made = (
        make_operation(name, outputs if source else inputs, outputs, 1 if source else stride)
        for name, (source, _) in zip(operations, EDGES, strict=True)
    )
    return SumCell(made, EDGES)


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
            cells.append(make_cell(operations, width, outputs, stride))
            cells += [make_cell(operations, outputs, outputs, 1) for _ in range(layers - 1)]
            width = outputs
        self.backbone = nn.Sequential(*stem, *cells)
        self.classifier = nn.Linear(width, classes)

    def forward(self, images: Tensor) -> Tensor:
        """images: (N, 3, H, W)."""
        return self.classifier(self.backbone(images).mean((2, 3)))  # type: ignore[no-any-return]


def build(arch: TransNasBench101Cell, channels: int, layers: int, classes: int, **_: Any) -> TransNasBench101Network:
    """The benchmark's network of a cell."""
    return TransNasBench101Network(arch.edges, channels, layers, classes)
