"""Networks of cells, written from the facts of the public code and equal to it to the last parameter.

    network = build_network("darts", "Genotype(normal=[…], …)", channels=36, layers=20, classes=10, auxiliary=True)

`layers` counts cells as each benchmark does: DARTS' L, NAS-Bench-201's N a stage, TransNAS-Bench-101's 2 a stage.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..files.errors import UnknownName, look_up
from ..spaces import DartsGenotype, NasBench201Cell, SearchSpace, TransNasBench101Cell, get_space
from ..spaces.nas201 import EDGES
from .cells import CellShape, DartsCell, NasBench201CellModule, ResidualBlock
from .trans101 import TransNasBench101Network

STEM_MULTIPLIER = 3  # channels that the CIFAR stem leaves, in those of the first cell


def cell_shapes(
    channels: int, layers: int, multipliers: tuple[int, int], stem: str, width: int | None = None
) -> list[CellShape]:
    """The shapes of all cells of a DARTS network; reductions at L // 3 and 2L // 3.

    multipliers: nodes in the concat of the normal and of the reduction cell. width: channels that the stem leaves.
    """
    first = width or (STEM_MULTIPLIER * channels if stem == "cifar" else channels)
    before, previous, previous_reduction, shapes = first, first, stem == "imagenet", []
    for layer in range(layers):
        reduction = layer in (layers // 3, 2 * layers // 3)
        if reduction:
            channels *= 2
        shapes.append(CellShape(before, previous, channels, reduction, previous_reduction))
        before, previous, previous_reduction = previous, channels * multipliers[reduction], reduction
    return shapes


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
    """Stem, `layers` cells, global pooling, linear classifier.

    images (N, 3, H, W) float -> logits (N, classes); in training mode with an auxiliary head: a pair of such, the
    auxiliary head's second. `drop_path_prob`, a float in [0, 1) that may be set at any time, is the probability that in
    training a path of a cell is dropped for an image; identities are never dropped.
    """

    def __init__(self, genotype: DartsGenotype, channels: int, layers: int, classes: int, auxiliary: bool, stem: str):
        super().__init__()
        multipliers = len(genotype.normal_concat), len(genotype.reduce_concat)
        shapes = cell_shapes(channels, layers, multipliers, stem)
        self.stems = stems(channels, stem)
        self.cells = nn.ModuleList(make_cell(genotype, shape) for shape in shapes)
        self.relu: nn.Module = nn.ReLU()
        outputs = [shape.channels * multipliers[shape.reduction] for shape in shapes]
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


def make_cell(genotype: DartsGenotype, shape: CellShape) -> DartsCell:
    """The normal or the reduction cell of a genotype, at its place in a network."""
    if shape.reduction:
        return DartsCell(genotype.reduce, genotype.reduce_concat, shape)
    return DartsCell(genotype.normal, genotype.normal_concat, shape)


class NasBench201Network(nn.Module):
    """Stem, three stages of `layers` cells at C, 2C and 4C, BN-ReLU, global pooling, linear classifier.

    images (N, 3, H, W) float -> logits (N, classes).
    """

    def __init__(self, operations: Sequence[str], channels: int, layers: int, classes: int):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        blocks: list[nn.Module] = []
        for stage in range(3):
            width = channels * 2**stage
            if stage:
                blocks.append(ResidualBlock(width // 2, width))
            blocks += [NasBench201CellModule(operations, EDGES, width) for _ in range(layers)]
        self.blocks = nn.Sequential(*blocks)
        self.bn = nn.BatchNorm2d(4 * channels)
        self.classifier = nn.Linear(4 * channels, classes)

    def forward(self, images: Tensor) -> Tensor:
        """images: (N, 3, H, W)."""
        features = torch.relu(self.bn(self.blocks(self.stem(images))))
        return self.classifier(features.mean((2, 3)))  # type: ignore[no-any-return]


STEMS = dict.fromkeys(("cifar", "imagenet"))


def build_network(
    space: str | SearchSpace[Any],
    arch: Any,
    *,
    channels: int,
    layers: int,
    classes: int,
    auxiliary: bool = False,
    stem: str = "cifar",
) -> nn.Module:
    """The network of an architecture, randomly initialised as torch does.

    space: a name or a space. arch: a value of the space or its text. Raises UnknownName, InvalidArchitecture, or
    ValueError for sizes that no network has.
    """
    space, arch = resolve(space, arch, stem)
    if channels < 2 or channels % 2 or layers < 1 or classes < 1:
        raise ValueError(
            f"channels must be even and positive, layers and classes positive, not {channels}, {layers}, {classes}"
        )
    if isinstance(arch, DartsGenotype):
        return DartsNetwork(arch, channels, layers, classes, auxiliary, stem)
    if auxiliary or stem != "cifar":
        raise ValueError(f"{space.name}: the benchmark's network has no auxiliary head and no ImageNet stem")
    if isinstance(arch, TransNasBench101Cell):
        return TransNasBench101Network(arch.edges, channels, layers, classes)
    return NasBench201Network(arch.edges, channels, layers, classes)


def resolve(space: str | SearchSpace[Any], arch: Any, stem: str) -> tuple[SearchSpace[Any], Any]:
    """The space and the architecture as values. Raises UnknownName or InvalidArchitecture."""
    look_up("stem", STEMS, stem)
    space = get_space(space) if isinstance(space, str) else space
    arch = space.parse(arch) if isinstance(arch, str) else arch
    kinds = {"darts": DartsGenotype, "nas201": NasBench201Cell, "trans101": TransNasBench101Cell}
    if space.name not in kinds:
        raise UnknownName(f"no network for space {space.name!r}; spaces with a network: {', '.join(kinds)}")
    if not isinstance(arch, kinds[space.name]):
        raise TypeError(f"{space.name}: {kinds[space.name].__name__} or its text expected, not {type(arch).__name__}")
    return space, arch
