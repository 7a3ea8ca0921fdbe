"""Cells: a small graph of operations. A network is a stack of them.

Every state is rectified once and shared by all operations that want it so (`operations.rectified`). What that and the
memory layout gain on a CPU stands in benchmarks/results/classifier_step.md.
"""

from collections.abc import Sequence
from typing import NamedTuple

import torch
from torch import Tensor, nn

from .operations import OPERATIONS, ConvBn, FactorizedReduce, rectified


class CellShape(NamedTuple):
    """Where a DARTS cell stands: channels of the two states before it, its own, and who halves the resolution."""

    before_previous: int  # channels of the cell before the previous one
    previous: int  # channels of the previous cell
    channels: int  # channels of each node
    reduction: bool  # this cell halves the resolution
    previous_reduction: bool  # the previous one did, so the state before it is twice as large


class States:
    """The states of a cell as they come to be, each rectified at most once."""

    def __init__(self, *states: Tensor):
        self.plain = list(states)
        self._rectified: dict[int, Tensor] = {}

    def __getitem__(self, key: tuple[int, bool]) -> Tensor:
        """State `key[0]`, as max(x, 0) if `key[1]`."""
        index, rectify = key
        if not rectify:
            return self.plain[index]
        if index not in self._rectified:
            self._rectified[index] = torch.relu(self.plain[index])
        return self._rectified[index]


def preprocess(shape: CellShape, affine: bool = True) -> tuple[nn.Module, nn.Module]:
    """What brings the two states before a cell to its channels and resolution."""
    before: nn.Module = (
        FactorizedReduce(shape.before_previous, shape.channels, affine)
        if shape.previous_reduction
        else ConvBn(shape.before_previous, shape.channels, 1, affine=affine)
    )
    return before, ConvBn(shape.previous, shape.channels, 1, affine=affine)


class DartsCell(nn.Module):
    """One DARTS cell: two preprocessed inputs, two edges a node, the concat of some nodes.

    (N, before_previous, …) and (N, previous, H, W) -> (N, len(concat)·channels, H', W'), H' = H / 2 in a reduction.
    Both inputs must be rectified already: the network does it once for the two cells and the head that read them.
    """

    def __init__(self, edges: Sequence[tuple[str, int]], concat: Sequence[int], shape: CellShape, affine: bool = True):
        super().__init__()
        self.preprocess0, self.preprocess1 = preprocess(shape, affine)
        self.sources = [source for _, source in edges]
        self.operations = nn.ModuleList(
            OPERATIONS[name](shape.channels, 2 if shape.reduction and source < 2 else 1, affine)
            for name, source in edges
        )
        self.rectified = [rectified(operation) for operation in self.operations]
        self.concat = list(concat)
        self._dropped = [not isinstance(operation, nn.Identity) for operation in self.operations]

    def forward(self, s0: Tensor, s1: Tensor, keep: Tensor | None = None) -> Tensor:
        """s0, s1: rectified outputs of the two cells before. keep: () the probability that a path stays, or None."""
        states = States(self.preprocess0(s0), self.preprocess1(s1))
        paths = self._paths(s1, keep) if keep is not None else None
        terms = []
        for i, operation in enumerate(self.operations):
            term = operation(states[self.sources[i], self.rectified[i]])
            terms.append(term * paths[i] if paths is not None and self._dropped[i] else term)
            if i % 2:
                states.plain.append(terms[i - 1] + terms[i])
        return torch.cat([states.plain[node] for node in self.concat], dim=1)

    def _paths(self, like: Tensor, keep: Tensor) -> Tensor:
        """(edges, N, 1, 1, 1): 1/keep for the images whose path stays, 0 for the others; drawn at once for the cell."""
        dtype = (
            torch.get_autocast_dtype(like.device.type) if torch.is_autocast_enabled(like.device.type) else like.dtype
        )
        stays = torch.rand(len(self.operations), len(like), 1, 1, 1, device=like.device) < keep
        return stays.to(dtype) / keep.to(dtype)


class NasBench201CellModule(nn.Module):
    """One NAS-Bench-201 cell: every node sums its edges, in the benchmark's order. (N, C, H, W) -> the same."""

    def __init__(self, operations: Sequence[str], edges: Sequence[tuple[int, int]], channels: int):
        super().__init__()
        self.edges = list(edges)  # (from, to), grouped by `to`
        self.operations = nn.ModuleList(OPERATIONS[name](channels, 1, True) for name in operations)
        self.rectified = [rectified(operation) for operation in self.operations]

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W), not rectified."""
        states = States(x)
        for i, (source, target) in enumerate(self.edges):
            term = self.operations[i](states[source, self.rectified[i]])
            if target == len(states.plain):
                states.plain.append(term)
            else:
                states.plain[target] = states.plain[target] + term
        return states.plain[-1]


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
