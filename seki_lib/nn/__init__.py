"""What is trained: networks of cells, by name and genotype. Imports with torch and numpy alone."""

from .count import Size, count
from .networks import DartsNetwork, NasBench201Network, build_network

__all__ = ["DartsNetwork", "NasBench201Network", "Size", "build_network", "count"]
