"""The independent training of the NAS-Bench-201 cells: rung h of the memory ladder.

Its values stand in no paper's table, so no LLM can have read them there. CIFAR-10 only, and one split: what is searched
is what is reported.
"""

from ..files.assets import fetch
from ..files.errors import UnknownName
from ..spaces import get_space
from .nas201_table import ORIGINS
from .tabular import Tabular


def analog(*, space: str, task: str) -> Tabular:
    """The evaluator. Fetches its file if it is not here. Raises UnknownName for another space, or AssetError."""
    if space != "nas201":
        raise UnknownName(f"analog-nasbench holds cells of nas201, not of {space}")
    (origin,) = (origin for origin in ORIGINS if origin.name == "analog-nasbench")
    cells = get_space(space)
    return Tabular(cells, task, origin.table([fetch(asset) for asset in origin.assets], cells.size))
