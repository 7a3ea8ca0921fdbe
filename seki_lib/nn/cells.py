"""What cells of several spaces are made of: states that are rectified once, and cells whose nodes sum their edges.

Every state is rectified once and shared by all operations that want it so (`operations.Rectified`). What that and the
memory layout gain on a CPU stands in benchmarks/results/classifier_step.md.
"""

from collections.abc import Iterable, Sequence

import torch
from torch import Tensor, nn

from .operations import Rectified


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

    def add(self, node: int, term: Tensor) -> None:
        """Add a term to the sum of a node, which begins with its first term."""
        if node == len(self.plain):
            self.plain.append(term)
        else:
            self.plain[node] = self.plain[node] + term


class SumCell(nn.Module):
    """A cell whose nodes sum their edges, in the benchmark's order; its output is the last node."""

    def __init__(self, operations: Iterable[nn.Module], edges: Sequence[tuple[int, int]]):
        super().__init__()
        self.edges = edges  # (from, to), grouped by `to`
        self.operations = nn.ModuleList(operations)
        self.rectified = [isinstance(operation, Rectified) for operation in self.operations]

    def forward(self, x: Tensor) -> Tensor:
        """x: (N, C, H, W), not rectified."""
        states = States(x)
        for i, (source, target) in enumerate(self.edges):
            states.add(target, self.operations[i](states[source, self.rectified[i]]))
        return states.plain[-1]
