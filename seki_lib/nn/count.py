"""How large a network is, without building it: parameters and multiply-adds, as the field counts them.

Each distinct operation is made once on the meta device: no weights exist, shapes are followed by arithmetic.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import nn

from ..spaces import DartsGenotype, SearchSpace
from ..spaces.darts import NODES, PRIMITIVES
from ..spaces.six_edges import EDGES
from .cells import CellShape, NasBench201CellModule, ResidualBlock, preprocess
from .networks import AuxiliaryHead, build_network, cell_shapes, resolve, stems
from .operations import OPERATIONS, FactorizedReduce
from .trans101 import TransNasBench101CellModule

Resolution = tuple[int, int]  # height, width


class Size(NamedTuple):
    """Trainable parameters, and multiply-adds of convolutions and linear layers for one image in eval mode."""

    parameters: int
    multiply_adds: int

    @property
    def params_m(self) -> float:
        """Parameters in millions, as tables print them."""
        return self.parameters / 1e6

    @property
    def madds_m(self) -> float:
        """Multiply-adds in millions."""
        return self.multiply_adds / 1e6


def count(
    space: str | SearchSpace[Any],
    arch: Any,
    *,
    channels: int,
    layers: int,
    classes: int,
    auxiliary: bool = False,
    stem: str = "cifar",
    resolution: int | None = None,
) -> Size:
    """The size of `build_network(...)` of the same arguments, on images of `resolution` (32; imagenet: 224) pixels.

    Tables of the field leave the auxiliary head out; `auxiliary=True` adds its parameters, never its multiply-adds.
    """
    space, arch = resolve(space, arch, stem)
    image = 2 * (resolution or (32 if stem == "cifar" else 224),)
    with torch.device("meta"):
        if not isinstance(arch, DartsGenotype):
            network = build_network(space, arch, channels=channels, layers=layers, classes=classes)
            return Size(parameters(network), _trace(network, image)[0])
        return _count_darts(arch, channels, layers, classes, auxiliary, stem, image)


def parameters(module: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def _count_darts(
    genotype: DartsGenotype, channels: int, layers: int, classes: int, auxiliary: bool, stem: str, image: Resolution
) -> Size:
    multipliers = len(genotype.normal_concat), len(genotype.reduce_concat)
    shapes = cell_shapes(channels, layers, multipliers, stem)
    total, multiply_adds, size = 0, 0, image
    for module in stems(channels, stem):
        added, size = _trace(module, size)
        total, multiply_adds = total + parameters(module), multiply_adds + added
    sizes: list[tuple[CellShape, Resolution]] = []
    for shape in shapes:
        sizes.append((shape, size))
        size = _halved(size) if shape.reduction else size
    for (shape, size), times in Counter(sizes).items():  # equal cells are counted once
        added, more = _count_cell(genotype.reduce if shape.reduction else genotype.normal, shape, size)
        total, multiply_adds = total + times * added, multiply_adds + times * more
    features = shapes[-1].channels * multipliers[shapes[-1].reduction]
    if auxiliary:
        at = shapes[2 * layers // 3]
        total += parameters(AuxiliaryHead(at.channels * multipliers[at.reduction], classes, stem))
    return Size(total + (features + 1) * classes, multiply_adds + features * classes)


def _halved(size: Resolution) -> Resolution:
    return (size[0] + 1) // 2, (size[1] + 1) // 2


def _count_cell(edges: Sequence[tuple[str, int]], shape: CellShape, size: Resolution) -> tuple[int, int]:
    """Parameters and multiply-adds of a cell whose previous state has this size."""
    total, multiply_adds = _count_preprocess(shape, size)
    inner = _halved(size) if shape.reduction else size
    for name, source in edges:
        stride = 2 if shape.reduction and source < 2 else 1
        added, more = _count_operation(name, shape.channels, stride, size if source < 2 else inner)
        total, multiply_adds = total + added, multiply_adds + more
    return total, multiply_adds


@lru_cache(maxsize=4096)
def _count_preprocess(shape: CellShape, size: Resolution) -> tuple[int, int]:
    with torch.device("meta"):
        modules = preprocess(shape)
    before = (2 * size[0], 2 * size[1]) if shape.previous_reduction else size
    return sum(map(parameters, modules)), _trace(modules[0], before)[0] + _trace(modules[1], size)[0]


@lru_cache(maxsize=4096)
def _count_operation(name: str, channels: int, stride: int, size: Resolution) -> tuple[int, int]:
    with torch.device("meta"):
        operation = OPERATIONS[name](channels, stride, True)
    return parameters(operation), _trace(operation, size)[0]


def _trace(module: nn.Module, size: Resolution) -> tuple[int, Resolution]:
    """Multiply-adds of a module on one image of this size, and the size it leaves."""
    match module:
        case nn.Conv2d():
            height, width = (
                (size[i] + 2 * int(module.padding[i]) - module.dilation[i] * (module.kernel_size[i] - 1) - 1)
                // module.stride[i]
                + 1
                for i in (0, 1)
            )
            return height * width * module.weight.numel(), (height, width)
        case nn.Linear():
            return module.weight.numel(), size
        case nn.Sequential():
            return _trace_all(module, size)
        case FactorizedReduce():
            even, after = _trace(module.even, size)
            return even + _trace(module.odd, (size[0] - 1, size[1] - 1))[0], after
        case NasBench201CellModule():
            return sum(_trace(operation, size)[0] for operation in module.operations), size
        case TransNasBench101CellModule():
            after = _halved(size) if module.stride == 2 else size
            sizes = (after if source else size for source, _ in EDGES)
            return sum(_trace(op, s)[0] for op, s in zip(module.operations, sizes, strict=True)), after
        case ResidualBlock():
            residual, after = _trace_all((module.conv1, module.conv2), size)
            return residual + _trace_all(module.shortcut, size)[0], after
        case nn.AvgPool2d() | nn.MaxPool2d():
            stride = module.stride if isinstance(module.stride, int) else module.stride[0]
            return 0, _halved(size) if stride == 2 else size
    if children := list(module.children()):  # a network: what it is made of, in order
        return _trace_all(children, size)
    return 0, size


def _trace_all(modules: Iterable[nn.Module], size: Resolution) -> tuple[int, Resolution]:
    total = 0
    for module in modules:
        added, size = _trace(module, size)
        total += added
    return total, size


def count_supernet(
    channels: int,
    layers: int,
    *,
    classes: int,
    partial: int = 1,
    stem: str = "cifar",
    arch: DartsGenotype | None = None,
) -> int:
    """Multiply-adds of a supernet of the DARTS space on one image.

    arch: the genotype that is run; None: the mixture, in which every edge runs all operations. partial: K, the part of
    the channels that goes through the operations is 1 / K (PC-DARTS; 1: DARTS).
    """
    width = 3 * channels  # of both stems
    total, size = 0, 2 * (32 if stem == "cifar" else 224,)
    with torch.device("meta"):
        for module in stems(channels if stem == "cifar" else width, stem):
            added, size = _trace(module, size)
            total += added
    shapes = cell_shapes(channels, layers, (4, 4), stem)
    shapes[0] = shapes[0]._replace(previous=width, before_previous=width)
    shapes[1] = shapes[1]._replace(before_previous=width)
    mixed = [(name, source) for node in NODES for source in range(node) for name in PRIMITIVES[1:]]
    for shape in shapes:
        inner = _halved(size) if shape.reduction else size
        total += _count_preprocess(shape, size)[1]
        for name, source in mixed if arch is None else arch.reduce if shape.reduction else arch.normal:
            stride, at = (2, size) if shape.reduction and source < 2 else (1, inner)
            total += _count_operation(name, shape.channels // partial, stride, at)[1]
        size = inner
    return total + 4 * shapes[-1].channels * classes
