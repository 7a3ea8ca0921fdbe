"""What is trained: networks of cells, by name and genotype. Imports with torch and numpy alone."""

from .count import Size, count
from .networks import DartsNetwork, NasBench201Network, build_network
from .supernet import build_supernet, inherit

__all__ = ["DartsNetwork", "NasBench201Network", "Size", "build_network", "build_supernet", "count", "inherit"]
