"""What a cell is worth: f(alpha). Higher is better, always."""

from abc import ABC, abstractmethod
from typing import Any, NamedTuple

from ..files.source import DataSource


class Evaluation(NamedTuple):
    """One value of f: the score that the search sees, the metrics behind it, and the seconds it took."""

    score: float
    metrics: dict[str, float]
    seconds: float


class Evaluator(ABC):
    """Scores architectures of one space for one task."""

    task: str  # a sentence for prompts: the task, the metric, its direction
    called: str = "accuracy"  # the metric in a few words, for prompts
    source: DataSource

    @abstractmethod
    def __call__(self, arch: Any) -> Evaluation:
        """f(alpha) as the search may see it (validation)."""

    def final(self, arch: Any) -> dict[str, float]:
        """Everything known of the final architecture, test values too. Read once, at the end of a run."""
        return self(arch).metrics

    def caveat(self, arch: Any) -> str:
        """What must be said beside the values of this architecture. Most evaluators need nothing."""
        return ""

    def load(self) -> None:  # noqa: B027 - most have nothing to load
        """Read now what scoring needs, so that a missing file is reported at once and no cell's seconds hold it."""
