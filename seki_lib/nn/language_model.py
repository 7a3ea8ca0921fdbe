"""A language model around any recurrent cell, as in DARTS (paper, appendix A).

model = build_language_model("Genotype(recurrent=[…], …)", vocabulary=10_000, embedding=850, hidden=850)
log_probs, hidden = model(tokens)      # (T, B) int64 -> (T, B, 10000), (B, 850)
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

INIT = 0.04  # weights start uniform in ±INIT (DARTS)


@dataclass(frozen=True)
class Dropouts:
    """What is dropped while training, as probabilities; each mask is drawn once a sequence (variational dropout)."""

    output: float = 0.0  # of the states that the decoder reads
    hidden: float = 0.0  # of the states between nodes and steps
    inputs: float = 0.0  # of a step's input to the cell
    embedded: float = 0.0  # of embedded words
    words: float = 0.0  # whole words of the vocabulary
    weights: float = 0.0  # entries of the matrices that states are multiplied with (AWD's DropConnect)


def mask(like: Tensor, shape: tuple[int, ...], drop: float) -> Tensor:
    """0 with probability `drop`, else 1 / (1 - drop), so that the expectation stays."""
    return torch.empty(shape, dtype=like.dtype, device=like.device).bernoulli_(1 - drop).div_(1 - drop)


class LanguageModel(nn.Module):
    """Embedding, one recurrent cell over time, and a decoder that shares the embedding's weights.

    `dropouts` may be set at any time; in eval mode nothing is dropped.
    """

    def __init__(self, cell: Any, vocabulary: int, embedding: int):
        super().__init__()
        self.encoder = nn.Embedding(vocabulary, embedding)
        self.cell = cell
        self.decoder = nn.Linear(embedding, vocabulary)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -INIT, INIT)
        nn.init.zeros_(self.decoder.bias)
        self.hidden = cell.W0.size(1) // 2
        self.dropouts = Dropouts()

    def forward(self, tokens: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """tokens: (T, B) int64; hidden: (B, H) or None for zeros -> log-probabilities (T, B, V), last state (B, H)."""
        log_probs, states, _ = self.read(tokens, hidden)
        return log_probs, states[-1]

    def read(self, tokens: Tensor, hidden: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """As `forward`, with the states after every step (T, B, H), before and after dropout."""
        _, batch = tokens.size()
        drop = self.dropouts if self.training else Dropouts()
        table = self.encoder.weight
        if drop.words:
            table = table * mask(table, (table.size(0), 1), drop.words)
        embedded = nn.functional.embedding(tokens, table)
        if drop.embedded:
            embedded = embedded * mask(embedded, (1, batch, embedded.size(2)), drop.embedded)
        state = embedded.new_zeros(batch, self.hidden) if hidden is None else hidden
        states = self.cell(embedded, state, drop)
        dropped = states * mask(states, (1, batch, self.hidden), drop.output) if drop.output else states
        logits = self.decoder(dropped)
        exact = torch.promote_types(logits.dtype, torch.float32)
        return nn.functional.log_softmax(logits, dim=-1, dtype=exact), states, dropped
