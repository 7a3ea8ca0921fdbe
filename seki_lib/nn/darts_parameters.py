"""How many parameters the networks of DARTS cells have, as sums: thousands of cells are counted in the time of one."""

from functools import cache, cached_property
from typing import Any

import torch

from ..spaces.darts import OPERATIONS, DartsGenotype
from ..spaces.darts.network import DartsNetwork, cell_shapes
from .count import parameters
from .operations import OPERATIONS as BUILDERS

ANY = DartsGenotype(*2 * [tuple(("skip_connect", source) for _ in range(4) for source in (0, 1))])
Place = tuple[str, str, bool]  # cell, operation, whether on an input of the cell


class Parameters:
    """Trainable parameters of all cells' networks of one size: one count for each operation in each place, added up.

    In a reduction cell an operation on an input of the cell has stride 2, which matters for skip connections only.
    The auxiliary head is left out.
    """

    def __init__(self, channels: int, layers: int, classes: int, stem: str = "cifar"):
        self._size: dict[str, Any] = {"channels": channels, "layers": layers, "classes": classes, "stem": stem}

    def __call__(self, arch: DartsGenotype) -> int:
        """Those of this cell's network."""
        return self.bare + self._of_operations(arch)

    @cached_property
    def weights(self) -> dict[Place, int]:
        """Place -> parameters of this operation there, in all cells of the network together."""
        found = dict.fromkeys(
            ((cell, name, near) for cell in ANY.cells for name in OPERATIONS for near in (True, False)), 0
        )
        shapes = cell_shapes(self._size["channels"], self._size["layers"], self._size["stem"])
        for cell, name, near in found:
            for shape in shapes:
                if shape.reduction == (cell == "reduce"):
                    stride = 2 if shape.reduction and near else 1
                    found[cell, name, near] += _parameters_of(name, shape.channels, stride)
        return found

    @cached_property
    def bare(self) -> int:
        """Those of everything around the operations."""
        with torch.device("meta"):
            return parameters(DartsNetwork(ANY, **self._size, auxiliary=False)) - self._of_operations(ANY)

    def _of_operations(self, arch: DartsGenotype) -> int:
        return sum(self.weights[cell, name, source < 2] for cell, edges in arch.cells.items() for name, source in edges)


@cache
def _parameters_of(operation: str, channels: int, stride: int) -> int:
    with torch.device("meta"):
        return parameters(BUILDERS[operation](channels, stride, True))
