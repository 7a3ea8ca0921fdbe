"""Supernets: one network that holds the weights of every cell of a space (paper §5.1.1).

    supernet = build_supernet("darts", channels=16, layers=8, classes=10)            # single_path
    logits = supernet(images, genotype)                                              # runs only its edges

Three kinds. `single_path` holds 14 edges x 7 operations a cell and runs one genotype at a time; what it runs is the
stand-alone network of that genotype, BN of the cells without affine parameters (`inherit` makes that network). `darts`
mixes all 8 operations of an edge by softmax(α); `pc_darts` does so on 1/K of the channels, and weights the edges of a
node by softmax(β). A genotype through a mixed kind: its 8 edges with weight 1.
"""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import torch
from torch import Tensor, nn

from ..files.errors import UnknownName, look_up
from ..spaces import DartsGenotype, NasBench201Cell, SearchSpace, get_space
from ..spaces import nas201 as nas201_space
from ..spaces.darts import NODES, PRIMITIVES
from ..spaces.darts import OPERATIONS as FINAL_OPERATIONS
from .cells import CellShape, ResidualBlock, States, preprocess
from .networks import STEMS, build_network, cell_shapes, stems
from .operations import OPERATIONS, rectified

KINDS = dict.fromkeys(("single_path", "pc_darts", "darts"))
EDGES = tuple((source, node) for node in NODES for source in range(node))  # the 14 edges of a cell, as α's rows
FIRST_EDGE = {node: EDGES.index((0, node)) for node in NODES}

Weight = Tensor | None  # of a term; None: 1
Terms = list[tuple[int, Weight]]  # of an edge: (operation, weight)
Paths = Sequence[tuple[int, Terms, Weight]]  # of a cell: (edge, its terms, the edge's weight)


class Edge(nn.Module):
    """All candidate operations of one edge: (N, C, H, W) -> (N, C, H / stride, W / stride).

    partial: only the first C / partial channels pass the operations; the others pass by, and all are shuffled.
    """

    def __init__(self, names: Sequence[str], channels: int, stride: int, partial: int, pools_normalised: bool):
        super().__init__()
        self.operations = nn.ModuleList()
        for name in names:
            operation = OPERATIONS[name](channels // partial, stride, False)
            if pools_normalised and "pool" in name:
                operation = nn.Sequential(operation, nn.BatchNorm2d(channels // partial, affine=False))
            self.operations.append(operation)
        self.rectified = [rectified(operation) for operation in self.operations]
        self.partial, self.through = partial, channels // partial
        self.passing: nn.Module = nn.MaxPool2d(2, 2) if stride == 2 else nn.Identity()

    def forward(self, states: States, source: int, terms: Terms) -> Tensor:
        """The weighted sum of some operations of state `source`."""
        outputs = []
        for operation, weight in terms:
            x = states[source, self.rectified[operation]]
            y = self.operations[operation](x if self.partial == 1 else x[:, : self.through])
            outputs.append(y if weight is None else y * weight)
        mixed: Tensor = outputs[0]
        for output in outputs[1:]:
            mixed = mixed + output
        if self.partial == 1:
            return mixed
        by = self.passing(states[source, False][:, self.through :])
        n, channels, height, width = (whole := torch.cat([mixed, by], dim=1)).shape
        groups = whole.view(n, self.partial, channels // self.partial, height, width)
        return groups.transpose(1, 2).reshape(n, channels, height, width)


class DartsSupernetCell(nn.Module):
    """All 14 edges of a DARTS cell; `paths` say which operations of which edges are run."""

    def __init__(self, names: Sequence[str], shape: CellShape, partial: int, pools_normalised: bool):
        super().__init__()
        self.reduction = shape.reduction
        self.preprocess0, self.preprocess1 = preprocess(shape, affine=False)
        self.edges = nn.ModuleList(
            Edge(names, shape.channels, 2 if shape.reduction and source < 2 else 1, partial, pools_normalised)
            for source, _ in EDGES
        )

    def forward(self, s0: Tensor, s1: Tensor, paths: Paths) -> Tensor:
        """s0, s1: rectified outputs of the two cells before. paths: edges in the order of their nodes."""
        states = States(self.preprocess0(s0), self.preprocess1(s1))
        for edge, terms, weight in paths:
            source, node = EDGES[edge]
            output = self.edges[edge](states, source, terms)
            output = output if weight is None else output * weight
            if node == len(states.plain):
                states.plain.append(output)
            else:
                states.plain[node] = states.plain[node] + output
        return torch.cat(states.plain[2:], dim=1)


class DartsSupernet(nn.Module):
    """Stem, cells with all candidates, global pooling, linear classifier: (N, 3, H, W) -> logits (N, classes).

    Of the mixed kinds, `alphas_normal` and `alphas_reduce` (14, 8) and, for `pc_darts`, `betas_normal` and
    `betas_reduce` (14,) are tensors with a gradient that `parameters()` leaves out, as public code has it;
    `architecture_parameters()` lists them.
    """

    def __init__(self, channels: int, layers: int, classes: int, kind: str, partial: int, stem: str):
        super().__init__()
        self.kind, self.mixed = kind, kind != "single_path"
        self.names = PRIMITIVES if self.mixed else FINAL_OPERATIONS
        shapes = cell_shapes(channels, layers, (len(NODES), len(NODES)), stem, width=3 * channels)
        self.stems = stems(channels if stem == "cifar" else 3 * channels, stem)
        self.cells = nn.ModuleList(
            DartsSupernetCell(self.names, shape, partial if kind == "pc_darts" else 1, self.mixed) for shape in shapes
        )
        self.classifier = nn.Linear(len(NODES) * shapes[-1].channels, classes)
        self._architecture: list[str] = []
        if self.mixed:
            for cell in ("normal", "reduce"):
                self._add_architecture(f"alphas_{cell}", (len(EDGES), len(PRIMITIVES)))
            for cell in ("normal", "reduce") if kind == "pc_darts" else ():
                self._add_architecture(f"betas_{cell}", (len(EDGES),))

    def _add_architecture(self, name: str, shape: tuple[int, ...]) -> None:
        self._architecture.append(name)
        self.register_buffer(name, (1e-3 * torch.randn(shape)).requires_grad_())

    def architecture_parameters(self) -> list[Tensor]:
        """α and, for `pc_darts`, β; nothing for `single_path`."""
        return [getattr(self, name) for name in self._architecture]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "DartsSupernet":
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name in self._architecture:  # moved as buffers are, but they stay leaves of the graph
            self._buffers[name] = getattr(self, name).detach().requires_grad_()
        return self

    def forward(self, images: Tensor, arch: DartsGenotype | None = None) -> Tensor:
        """images: (N, 3, H, W). arch: the genotype to run; None: the mixture. Raises ValueError if there is none."""
        paths = {reduction: self._paths(reduction, arch) for reduction in (False, True)}
        s0 = s1 = torch.relu(self.stems[0](images))  # states are rectified once, for both cells that read them
        for stem in self.stems[1:]:
            s1 = torch.relu(stem(s0))
        for i, cell in enumerate(self.cells):
            output = cell(s0, s1, paths[cast(DartsSupernetCell, cell).reduction])
            s0, s1 = s1, torch.relu(output) if i + 1 < len(self.cells) else output
        return self.classifier(output.mean((2, 3)))  # type: ignore[no-any-return]

    def _paths(self, reduction: bool, arch: DartsGenotype | None) -> Paths:
        if arch is not None:
            return single_path(arch.reduce if reduction else arch.normal, self.names)
        if not self.mixed:
            raise ValueError("a single_path supernet runs one genotype at a time: supernet(images, genotype)")
        weights, edges = self._softmax(reduction)
        return [
            (edge, list(enumerate(weights[edge].unbind())), None if edges is None else edges[edge])
            for edge in range(len(EDGES))
        ]

    def _softmax(self, reduction: bool) -> tuple[Tensor, Tensor | None]:
        """α (14, 8) as weights of operations, β (14,) as weights of edges: softmax over the edges of a node."""
        cell = "reduce" if reduction else "normal"
        weights = getattr(self, f"alphas_{cell}").softmax(1)
        if self.kind != "pc_darts":
            return weights, None
        betas = getattr(self, f"betas_{cell}")
        return weights, torch.cat([part.softmax(0) for part in betas.split(list(NODES))])

    def genotype(self) -> DartsGenotype:
        """What α and β favour: per node the two edges of the largest α·β that is not `none`'s, and its operation.

        Raises ValueError for `single_path`, which has no α.
        """
        if not self.mixed:
            raise ValueError("a single_path supernet has no α: search with it (evaluators/oneshot.py)")
        cells = []
        for reduction in (False, True):
            weights, edges = self._softmax(reduction)
            strength = weights[:, 1:].detach()
            if edges is not None:
                strength = strength * edges.detach()[:, None]
            found: list[tuple[str, int]] = []
            for node in NODES:
                best = strength[FIRST_EDGE[node] : FIRST_EDGE[node] + node].max(1)
                for source in sorted(best.values.topk(2).indices.tolist()):
                    found.append((FINAL_OPERATIONS[int(best.indices[source])], source))
            cells.append(tuple(found))
        return DartsGenotype(cells[0], cells[1])


def single_path(edges: Sequence[tuple[str, int]], names: Sequence[str]) -> Paths:
    """The edges of one cell of a genotype as paths of weight 1."""
    return [
        (FIRST_EDGE[2 + i // 2] + source, [(names.index(name), None)], None) for i, (name, source) in enumerate(edges)
    ]


class NasBench201SupernetCell(nn.Module):
    """All 6 edges x 5 operations of a NAS-Bench-201 cell."""

    def __init__(self, channels: int):
        super().__init__()
        self.edges = nn.ModuleList(
            Edge(nas201_space.OPERATIONS, channels, 1, 1, pools_normalised=False) for _ in nas201_space.EDGES
        )

    def forward(self, x: Tensor, operations: Sequence[int]) -> Tensor:
        """x: (N, C, H, W), not rectified. operations: one index an edge."""
        states = States(x)
        for i, (source, target) in enumerate(nas201_space.EDGES):
            term = self.edges[i](states, source, [(operations[i], None)])
            if target == len(states.plain):
                states.plain.append(term)
            else:
                states.plain[target] = states.plain[target] + term
        return states.plain[-1]


class NasBench201Supernet(nn.Module):
    """The benchmark's network with all candidates in its cells: (N, 3, H, W) and a cell -> logits (N, classes)."""

    kind = "single_path"

    def __init__(self, channels: int, layers: int, classes: int):
        super().__init__()
        self.stem = nn.Sequential(nn.Conv2d(3, channels, 3, padding=1, bias=False), nn.BatchNorm2d(channels))
        self.blocks = nn.ModuleList()
        for stage in range(3):
            width = channels * 2**stage
            if stage:
                self.blocks.append(ResidualBlock(width // 2, width))
            self.blocks.extend(NasBench201SupernetCell(width) for _ in range(layers))
        self.bn = nn.BatchNorm2d(4 * channels)
        self.classifier = nn.Linear(4 * channels, classes)

    def architecture_parameters(self) -> list[Tensor]:
        """Nothing: there is no α."""
        return []

    def forward(self, images: Tensor, arch: NasBench201Cell | None = None) -> Tensor:
        """images: (N, 3, H, W)."""
        if arch is None:
            raise ValueError("a single_path supernet runs one cell at a time: supernet(images, cell)")
        operations = [nas201_space.OPERATIONS.index(name) for name in arch.edges]
        features = self.stem(images)
        for block in self.blocks:
            features = block(features) if isinstance(block, ResidualBlock) else block(features, operations)
        return self.classifier(torch.relu(self.bn(features)).mean((2, 3)))  # type: ignore[no-any-return]


def build_supernet(
    space: str | SearchSpace[Any],
    *,
    channels: int,
    layers: int,
    classes: int,
    kind: str = "single_path",
    partial: int = 4,
    stem: str = "cifar",
) -> Any:
    """A supernet, randomly initialised as torch does.

    partial: K of `pc_darts`, which must divide `channels`. Raises UnknownName, or ValueError for sizes that none has.
    """
    space = get_space(space) if isinstance(space, str) else space
    look_up("kind of supernet", KINDS, kind)
    look_up("stem", STEMS, stem)
    if channels < 2 or channels % 2 or layers < 1 or classes < 1:
        raise ValueError(
            f"channels must be even and positive, layers and classes positive, not {channels}, {layers}, {classes}"
        )
    if space.name == "darts":
        if kind == "pc_darts" and (partial < 1 or channels % partial or (2 * channels // partial) % 2):
            raise ValueError(f"pc_darts: partial must divide channels = {channels}, not {partial}")
        return DartsSupernet(channels, layers, classes, kind, partial, stem)
    if space.name != "nas201":
        raise UnknownName(f"no supernet for space {space.name!r}; spaces with a supernet: darts, nas201")
    if kind != "single_path" or stem != "cifar":
        raise ValueError("nas201: its supernet is of the kind 'single_path' with the stem 'cifar'")
    return NasBench201Supernet(channels, layers, classes)


def inherit(supernet: Any, arch: Any, *, channels: int, layers: int, classes: int) -> nn.Module:
    """The stand-alone network of an architecture with the weights that a `single_path` supernet has for it.

    The sizes are those of the supernet. The network's BN in the cells gets γ = 1, β = 0. Raises ValueError for a mixed
    supernet and for the ImageNet stem: no stand-alone network computes the same.
    """
    if supernet.kind != "single_path":
        raise ValueError(f"only a single_path supernet holds stand-alone networks, not {supernet.kind!r}")
    space = "darts" if isinstance(supernet, DartsSupernet) else "nas201"
    if space == "darts" and len(supernet.stems) > 1:
        raise ValueError("the ImageNet stem of a supernet is three times as wide as that of a stand-alone network")
    network = build_network(space, arch, channels=channels, layers=layers, classes=classes).to(
        supernet.classifier.weight
    )
    with torch.no_grad():
        for mine, theirs in zip(_layers_run(network), _supernet_layers(supernet, arch), strict=True):
            given = theirs.state_dict()
            for name, tensor in mine.state_dict().items():
                if name in given:
                    tensor.copy_(given[name])
    return network


def _layers_run(module: nn.Module) -> Iterator[nn.Module]:
    """All modules that hold weights, in the order in which they were made."""
    return (child for child in module.modules() if isinstance(child, nn.Conv2d | nn.BatchNorm2d | nn.Linear))


def _supernet_layers(supernet: Any, arch: Any) -> Iterator[nn.Module]:
    """The same modules of the supernet, those of the operations of `arch` only."""
    for module in supernet.children():
        match module:
            case nn.ModuleList():
                yield from _supernet_layers(module, arch)
            case DartsSupernetCell():
                yield from _layers_run(module.preprocess0)
                yield from _layers_run(module.preprocess1)
                for number, terms, _ in single_path(arch.reduce if module.reduction else arch.normal, FINAL_OPERATIONS):
                    yield from _layers_run(cast(Edge, module.edges[number]).operations[terms[0][0]])
            case NasBench201SupernetCell():
                for edge, name in zip(module.edges, arch.edges, strict=True):
                    yield from _layers_run(cast(Edge, edge).operations[nas201_space.OPERATIONS.index(name)])
            case _:
                yield from _layers_run(module)
