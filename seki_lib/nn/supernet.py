"""The edge of a supernet, which holds the weights of all candidate operations."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from .cells import States
from .operations import OPERATIONS, Rectified

Weight = Tensor | None  # of a term; None: 1
Terms = list[tuple[int, Weight]]  # of an edge: (operation, weight)


class Edge(nn.Module):
    """All candidate operations of one edge: (N, C, H, W) -> (N, C, H / stride, W / stride).

    partial: only the first C / partial channels pass the operations; the others pass by, and all are shuffled.
    """

    def __init__(
        self, names: Sequence[str], channels: int, stride: int = 1, partial: int = 1, pools_normalised: bool = False
    ):
        super().__init__()
        self.operations = nn.ModuleList()
        for name in names:
            operation = OPERATIONS[name](channels // partial, stride, False)
            if pools_normalised and "pool" in name:
                operation = nn.Sequential(operation, nn.BatchNorm2d(channels // partial, affine=False))
            self.operations.append(operation)
        self.rectified = [isinstance(operation, Rectified) for operation in self.operations]
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
