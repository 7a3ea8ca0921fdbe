"""Where numbers come from."""

from dataclasses import dataclass


@dataclass(frozen=True)
class DataSource:
    """Where numbers come from: a short name for the run's config, and a sentence for readers."""

    name: str
    sentence: str
    licence: str
    sha256: str
