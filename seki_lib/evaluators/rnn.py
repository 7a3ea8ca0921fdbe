"""f(alpha) of a recurrent cell: minus the perplexity that it reaches on validation text with a supernet's weights.

Batch normalisation uses the statistics of the columns at hand.
"""

from pathlib import Path
from typing import Any

from ..errors import look_up
from ..training.protocol import SupernetSpec
from .base import DataSource
from .supernet import SupernetEvaluator

TASKS = {"ptb": "language modelling on the Penn Treebank (minus the validation perplexity, higher is better)"}


class Recurrent(SupernetEvaluator):
    """The score is minus the perplexity of the cell's path through the supernet on fixed validation text."""

    called = "negative perplexity"

    def __init__(self, spec: SupernetSpec, results: Path, *, device: str = "auto"):
        from ..nn import build_language_model
        from ..training.text import columns, load_text

        look_up("space of recurrent cells", {"darts_rnn": "darts_rnn"}, spec.space)
        super().__init__(spec, results, TASKS, device)
        self.task, config = TASKS[spec.dataset], self.config
        text = load_text(self.dataset, train=config.train_words, valid=config.valid_words, test=config.test_words)
        network = build_language_model(
            None, vocabulary=len(text.words), embedding=config.hidden, hidden=config.hidden, search=True
        )
        digest = self.load(network)
        self._network = network.to(self.device)
        self._rows = columns(text.valid, config.eval_batch).to(self.device)
        self.source = DataSource(
            f"supernet {config.kind} {digest[:12]}",
            f"perplexity of a path of a {config.kind} supernet on {len(text.valid):,} validation words of "
            f"{text.source.sentence}; BN statistics of the batch",
            text.source.licence,
            digest,
        )

    def measure(self, arch: Any) -> tuple[float, dict[str, float]]:
        """Minus the perplexity of a canonical cell."""
        from ..training.language_model import mean_loss, perplexity

        self._network.cell.genotype = arch
        value = perplexity(mean_loss(self._network, self._rows))
        return -value, {"perplexity": value}

    def final(self, arch: Any) -> dict[str, float]:
        """F alone: what the cell is worth is known once it is trained by itself (Table 8)."""
        return dict(self(arch).metrics)


def rnn(
    space: str,
    task: str,
    *,
    profile: str = "laptop",
    results: Path | str = "results",
    seed: int = 0,
    supernet: str = "",
) -> Recurrent:
    """The evaluator of the supernet that a profile trains.

    seed: of the supernet; supernet: its kind, the profile's if empty. Raises UnknownName, AssetError or RunError.
    """
    return Recurrent(SupernetSpec(space, task, profile, seed, supernet), Path(results))
