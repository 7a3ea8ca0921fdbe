"""f(alpha) of a recurrent cell: minus the perplexity that it reaches on validation text with a supernet's weights.

Batch normalisation uses the statistics of the columns that run together.
"""

from functools import cached_property
from pathlib import Path
from typing import Any

from ..files.errors import look_up
from ..spaces import SPACES
from ..training.protocol import SupernetSpec
from .supernet import SupernetEvaluator

TASKS = {
    name: f"language modelling on {title} (minus the validation perplexity, higher is better)"
    for name, title in (("ptb", "the Penn Treebank"), ("pydoc_topics", "Python's documentation"))
}


class Recurrent(SupernetEvaluator):
    """The score is minus the perplexity of the cell's path through the supernet on fixed validation text."""

    called = "negative perplexity"

    def __init__(
        self, space: str, task: str, *, profile: str = "laptop", results: Path | str = "results", seed: int = 0,
        supernet: str = "",
    ):  # fmt: skip
        """seed: of the supernet that this profile trained; supernet: its kind, the profile's if empty.

        Raises UnknownName, AssetError or RunError.
        """
        recurrent = {name: known for name, known in SPACES.items() if known.evaluator == "rnn"}
        look_up("space of recurrent cells", recurrent, space)
        super().__init__(SupernetSpec(space, task, profile, seed, supernet), results, TASKS)
        words = f"{self.trained['valid_words']:,} validation words"
        f = f"perplexity of a path of a {self.config.kind} supernet on {words}"
        self.source = self.described(f, "", "BN statistics of the batch")

    @cached_property
    def text(self) -> Any:
        """The text that the supernet was trained on."""
        from ..datasets.text import load_text

        config = self.config
        text = load_text(self.dataset, train=config.train_words, valid=config.valid_words, test=config.test_words)
        self.require(text.source.sentence)
        return text

    @cached_property
    def rows(self) -> Any:
        """The validation text, one column a row of the batch."""
        from ..datasets.text import columns

        return columns(self.text.valid, self.config.eval_batch).to(self.device)

    def load(self) -> None:
        """Read weights and text now."""
        super().load()
        _ = self.rows

    def untrained(self) -> Any:
        """The language model of all cells."""
        from ..nn import build_language_model

        size = self.config.hidden
        return build_language_model(None, vocabulary=len(self.text.words), embedding=size, hidden=size, search=True)

    def measure(self, arch: Any) -> tuple[float, dict[str, float]]:
        """Minus the perplexity of a canonical cell."""
        from ..training.language_model import mean_loss, perplexity

        self.network.cell.genotype = arch
        value = perplexity(mean_loss(self.network, self.rows))
        return -value, {"perplexity": value}

    def final(self, arch: Any) -> dict[str, float]:
        """The score f alone: what the cell is worth is known once it is trained by itself (Table 8)."""
        return dict(self(arch).metrics)
