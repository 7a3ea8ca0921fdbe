"""The supernet of the DARTS space: one network that holds the weights of every genotype (paper §5.1.1).

`single_path` holds 14 edges x 7 operations a cell and runs one genotype at a time. The kinds `darts` and `pc_darts` are
named after the methods, not the space: they mix all 8 operations of an edge; a genotype through them is its 8 edges
with weight 1.
"""

from collections.abc import Callable, Sequence
from typing import cast

import torch
from torch import Tensor, nn

from ...nn.cells import States
from ...nn.supernet import Edge, Terms, Weight
from . import EDGES, NODES, OPERATIONS, PRIMITIVES, DartsGenotype
from .network import CellShape, cell_shapes, preprocess, stems

FIRST_EDGE = {node: EDGES.index((0, node)) for node in NODES}

Paths = Sequence[tuple[int, Terms, Weight]]  # of a cell: (edge, its terms, the edge's weight)


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
            states.add(node, output)
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
        self.names = PRIMITIVES if self.mixed else OPERATIONS
        shapes = cell_shapes(channels, layers, stem, width=3 * channels)
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
        return [self.get_buffer(name) for name in self._architecture]

    def _apply(self, fn: Callable[[Tensor], Tensor], recurse: bool = True) -> "DartsSupernet":
        super()._apply(fn, recurse)  # type: ignore[no-untyped-call]
        for name in self._architecture:  # moved as buffers are, but they stay leaves of the graph
            self._buffers[name] = self.get_buffer(name).detach().requires_grad_()
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
        weights = self.get_buffer(f"alphas_{cell}").softmax(1)
        if self.kind != "pc_darts":
            return weights, None
        betas = self.get_buffer(f"betas_{cell}")
        return weights, torch.cat([part.softmax(0) for part in torch.split(betas, list(NODES))])

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
                    found.append((OPERATIONS[int(best.indices[source])], source))
            cells.append(tuple(found))
        return DartsGenotype(cells[0], cells[1])


def single_path(edges: Sequence[tuple[str, int]], names: Sequence[str]) -> Paths:
    """The edges of one cell of a genotype as paths of weight 1."""
    return [
        (FIRST_EDGE[2 + i // 2] + source, [(names.index(name), None)], None) for i, (name, source) in enumerate(edges)
    ]


def build_supernet(channels: int, layers: int, classes: int, *, kind: str, partial: int, stem: str) -> DartsSupernet:
    """The supernet of the space, of one of its kinds. Raises ValueError where K does not divide the channels."""
    if kind == "pc_darts" and (partial < 1 or channels % partial or (2 * channels // partial) % 2):
        raise ValueError(f"pc_darts: partial must divide channels = {channels}, not {partial}")
    return DartsSupernet(channels, layers, classes, kind, partial, stem)
