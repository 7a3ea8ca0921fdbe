"""Where the kit's own files lie: in a checkout, or where pip put them from a wheel (`data-files` of pyproject.toml).

Below `OWN` both look alike: `data/`, `benchmarks/results/`. Notebooks, the DAG and kept results come with a checkout
only.
"""

import site
import sys
from pathlib import Path

from .errors import SettingError

ROOT = Path(__file__).resolve().parents[2]
IS_CHECKOUT = (ROOT / "Snakefile").is_file()


def _own() -> Path:
    """The first place that holds them: of the checkout, this environment, or `pip install --user`."""
    installed = [Path(prefix) / "share" / "seki-kit" for prefix in (sys.prefix, site.getuserbase())]
    return next((place for place in (ROOT, *installed) if (place / "data" / "paper").is_dir()), ROOT)


OWN = _own()
RESULTS = ROOT / "results" if IS_CHECKOUT else Path("results")  # without a checkout below the current folder


def require_checkout(what: str) -> None:
    """Raise SettingError for a command that needs more than a wheel holds. what: such as "notebooks"."""
    if not IS_CHECKOUT:
        raise SettingError(
            f"{what} come with the kit's checkout, and this is an installed package. Next: clone the repository, and "
            "run make there."
        )
