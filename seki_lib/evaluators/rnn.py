"""f(alpha) of a recurrent cell: minus the perplexity that it reaches on validation text with a supernet's weights.

Always of the canonical form: isomorphic texts would use different weights of the supernet. Cached, so that the second
question of a cell is free. Batch normalisation uses the statistics of the columns at hand.
"""

import time
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..errors import RunError, look_up
from ..spaces import get_space
from ..training.protocol import SupernetSpec, dataset_at_hand
from .base import DataSource, Evaluation

TASKS = {"ptb": "language modelling on the Penn Treebank (minus the validation perplexity, higher is better)"}


class Recurrent:
    """The score is minus the perplexity of the cell's path through the supernet on fixed validation text.

    `seconds` adds up what f took. Raises RunError, with the command to type, if the supernet is not trained.
    """

    called = "negative perplexity"

    def __init__(self, spec: SupernetSpec, results: Path, *, device: str = "auto"):
        import torch

        from ..nn import build_language_model
        from ..training.checkpoint import load_network
        from ..training.supernet import weights_hash
        from ..training.text import columns, load_text

        self.space = get_space(look_up("space of recurrent cells", {"darts_rnn": "darts_rnn"}, spec.space))
        self.task = look_up(f"task of {spec.space}", TASKS, spec.dataset)
        self._config = config = spec.config
        at_hand = dataset_at_hand(spec.dataset, config)
        spec = replace(spec, dataset=at_hand)
        self.folder = spec.folder(results)
        if not (self.folder / "result.json").is_file():
            raise RunError(f'{self.folder} holds no trained supernet. Next: "{spec.command(results)}" trains it.')
        where = torch.device(("cuda" if torch.cuda.is_available() else "cpu") if device == "auto" else device)
        text = load_text(at_hand, train=config.train_words, valid=config.valid_words, test=config.test_words)
        network = build_language_model(
            None, vocabulary=len(text.words), embedding=config.hidden, hidden=config.hidden, search=True
        )
        network.load_state_dict(load_network(self.folder))
        self._network = network.to(where)
        self._rows = columns(text.valid, config.eval_batch).to(where)
        digest = weights_hash(network.state_dict())
        self.source = DataSource(
            f"supernet {config.kind} {digest[:12]}",
            f"perplexity of a path of a {config.kind} supernet on {len(text.valid):,} validation words of "
            f"{text.source.sentence}; BN statistics of the batch",
            text.source.licence,
            digest,
        )
        self._known: dict[Any, Evaluation] = {}

    def __call__(self, arch: Any) -> Evaluation:
        """Minus the perplexity of a cell."""
        from ..training.language_model import mean_loss, perplexity
        from ..training.loop import cpu_threads

        arch = self.space.canonical(arch)
        if arch in self._known:
            return self._known[arch]._replace(seconds=0.0)
        started = time.perf_counter()
        with cpu_threads(self._config.threads):
            self._network.cell.genotype = arch
            value = perplexity(mean_loss(self._network, self._rows))
        self._known[arch] = Evaluation(-value, {"perplexity": value}, round(time.perf_counter() - started, 4))
        return self._known[arch]

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
