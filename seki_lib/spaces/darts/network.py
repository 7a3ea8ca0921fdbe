"""The DARTS network, written from the facts of the public code and equal to it to the last parameter.

Stem, `layers` cells, global pooling, linear classifier; the reductions are the cells L // 3 and 2L // 3.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ...nn.cells import States
from ...nn.operations import OPERATIONS, ConvBn, FactorizedReduce, Rectified
from . import NODES, DartsGenotype

STEM_MULTIPLIER = 3  # channels that the CIFAR stem leaves, in those of the first cell


class CellShape(NamedTuple):
    """Where a DARTS cell stands: channels of the two states before it, its own, and who halves the resolution."""

    before_previous: int  # channels of the cell before the previous one
    previous: int  # channels of the previous cell
    channels: int  # channels of each node
    reduction: bool  # this cell halves the resolution
    previous_reduction: bool  # the previous one did, so the state before it is twice as large


def cell_shapes(channels: int, layers: int, stem: str, width: int | None = None) -> list[CellShape]:
    """The shapes of all cells. width: channels that the stem leaves, where they are not the network's own."""
    first = width or (STEM_MULTIPLIER * channels if stem == "cifar" else channels)
    before, previous, previous_reduction, shapes = first, first, stem == "imagenet", []
    for layer in range(layers):
        reduction = layer in (layers // 3, 2 * layers // 3)
        if reduction:
            channels *= 2
        shapes.append(CellShape(before, previous, channels, reduction, previous_reduction))
        before, previous, previous_reduction = previous, len(NODES) * channels, reduction
    return shapes


def preprocess(shape: CellShape, affine: bool = True) -> tuple[nn.Module, nn.Module]:
    """What brings the two states before a cell to its channels and resolution."""
    before: nn.Module = (
        FactorizedReduce(shape.before_previous, shape.channels, affine)
        if shape.previous_reduction
        else ConvBn(shape.before_previous, shape.channels, 1, affine=affine)
    )
    return before, ConvBn(shape.previous, shape.channels, 1, affine=affine)


class DartsCell(nn.Module):
    """One DARTS cell: two preprocessed inputs, two edges a node, the concat of all nodes.

    (N, before_previous, …) and (N, previous, H, W) -> (N, 4·channels, H', W'), H' = H / 2 in a reduction.
    Both inputs must be rectified already: the network does it once for the two cells and the head that read them.
    """

    def __init__(self, genotype: DartsGenotype, shape: CellShape):
        super().__init__()
        edges = genotype.reduce if shape.reduction else genotype.normal
        self.preprocess0, self.preprocess1 = preprocess(shape)
        self.sources = [source for _, source in edges]
        self.operations = nn.ModuleList(
            OPERATIONS[name](shape.channels, 2 if shape.reduction and source < 2 else 1, True) for name, source in edges
        )
        self.rectified = [isinstance(operation, Rectified) for operation in self.operations]
        self._dropped = [not isinstance(operation, nn.Identity) for operation in self.operations]

    def forward(self, s0: Tensor, s1: Tensor, keep: Tensor | None = None) -> Tensor:
        """s0, s1: rectified outputs of the two cells before. keep: () the probability that a path stays, or None."""
        states = States(self.preprocess0(s0), self.preprocess1(s1))
        paths = self._paths(s1, keep) if keep is not None else None
        for i, operation in enumerate(self.operations):
            term = operation(states[self.sources[i], self.rectified[i]])
            states.add(2 + i // 2, term * paths[i] if paths is not None and self._dropped[i] else term)
        return torch.cat(states.plain[2:], dim=1)

    def _paths(self, like: Tensor, keep: Tensor) -> Tensor:
        """(edges, N, 1, 1, 1): 1/keep for the images whose path stays, 0 for the others; drawn at once for the cell."""
        dtype = (
            torch.get_autocast_dtype(like.device.type) if torch.is_autocast_enabled(like.device.type) else like.dtype
        )
        stays = torch.rand(len(self.operations), len(like), 1, 1, 1, device=like.device) < keep
        return stays.to(dtype) / keep.to(dtype)


def stems(channels: int, stem: str) -> nn.ModuleList:
    """The layers before the cells, one module for each resolution they leave.

    cifar: (N, 3, H, W) -> (N, 3·channels, H, W). imagenet: -> (N, channels, H / 4, W / 4), then half of that again.
    """

    def halve(inputs: int, outputs: int) -> tuple[nn.Module, nn.Module]:
        return nn.Conv2d(inputs, outputs, 3, 2, 1, bias=False), nn.BatchNorm2d(outputs)

    if stem == "cifar":
        width = STEM_MULTIPLIER * channels
        return nn.ModuleList([nn.Sequential(nn.Conv2d(3, width, 3, padding=1, bias=False), nn.BatchNorm2d(width))])
    half = channels // 2
    return nn.ModuleList(
        [
            nn.Sequential(*halve(3, half), nn.ReLU(inplace=True), *halve(half, channels)),
            nn.Sequential(*halve(channels, channels)),
        ]
    )


class AuxiliaryHead(nn.Sequential):
    """A second classifier on the second reduction: (N, inputs, 8, 8) (imagenet: 7, 7), rectified -> (N, classes)."""

    def __init__(self, inputs: int, classes: int, stem: str):
        super().__init__(
            nn.AvgPool2d(5, stride=3 if stem == "cifar" else 2, count_include_pad=False),
            nn.Conv2d(inputs, 128, 1, bias=False),
            nn.BatchNorm2d(128),
            nn.ReLU(inplace=True),
            nn.Conv2d(128, 768, 2, bias=False),
            *([nn.BatchNorm2d(768)] if stem == "cifar" else []),  # public code has none here on ImageNet
            nn.ReLU(inplace=True),
            nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten()),  # at the sizes above one pixel is left anyway
            nn.Linear(768, classes),
        )


class DartsNetwork(nn.Module):
    """images (N, 3, H, W) float -> logits (N, classes); in training mode with an auxiliary head: a pair of such, the
    auxiliary head's second. `drop_path_prob`, a float in [0, 1) that may be set at any time, is the probability that in
    training a path of a cell is dropped for an image; identities are never dropped.
    """

    def __init__(self, genotype: DartsGenotype, channels: int, layers: int, classes: int, auxiliary: bool, stem: str):
        super().__init__()
        shapes = cell_shapes(channels, layers, stem)
        self.stems = stems(channels, stem)
        self.cells = nn.ModuleList(DartsCell(genotype, shape) for shape in shapes)
        self.relu: nn.Module = nn.ReLU()
        outputs = [len(NODES) * shape.channels for shape in shapes]
        self.classifier = nn.Linear(outputs[-1], classes)
        self._auxiliary_at = 2 * layers // 3
        self.auxiliary = AuxiliaryHead(outputs[self._auxiliary_at], classes, stem) if auxiliary else None
        self.register_buffer("_keep", torch.ones(()), persistent=False)  # a tensor: a graph need not be compiled anew
        self._drops = False

    @property
    def drop_path_prob(self) -> float:
        """The probability that a path is dropped for an image, in training."""
        return 1.0 - float(self._keep)

    @drop_path_prob.setter
    def drop_path_prob(self, probability: float) -> None:
        if not 0.0 <= probability < 1.0:
            raise ValueError(f"drop_path_prob must lie in [0, 1), not {probability}")
        self._keep.fill_(1.0 - probability)
        self._drops = probability > 0.0

    _keep: Tensor

    def forward(self, images: Tensor) -> Any:
        """images: (N, 3, H, W)."""
        keep = self._keep if self.training and self._drops else None
        s0 = s1 = self.relu(self.stems[0](images))  # states are rectified once, for both cells that read them
        for stem in self.stems[1:]:
            s1 = self.relu(stem(s0))
        auxiliary = None
        for i, cell in enumerate(self.cells):
            output = cell(s0, s1, keep)
            s0, s1 = s1, self.relu(output) if i + 1 < len(self.cells) or i == self._auxiliary_at else output
            if i == self._auxiliary_at and self.training and self.auxiliary is not None:
                auxiliary = self.auxiliary(s1)
        logits = self.classifier(output.mean((2, 3)))
        return logits if auxiliary is None else (logits, auxiliary)


build = DartsNetwork
