"""Recurrent cells as language models: the evaluation network and the search supernet, as in DARTS (paper, appendix A).

    model = build_language_model("Genotype(recurrent=[…], …)", vocabulary=10_000, embedding=850, hidden=850)
    log_probs, hidden = model(tokens)      # (T, B) int64 -> (T, B, 10000), (B, 850)

Parameters: `encoder.weight` (which is `decoder.weight` too), `cell.W0`, `cell.Ws[k]` of node k + 1, `decoder.bias`.
"""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from ..spaces.darts_rnn import NODES, OPERATIONS, PRIMITIVES, DartsRnn, RnnGenotype

SPACE = DartsRnn()
INIT = 0.04  # weights start uniform in ±INIT (DARTS)
ACTIVATIONS: dict[str, Any] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda h: h,
}


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


class RecurrentCell(nn.Module):
    """One step: (B, E) input and (B, H) state -> (B, H). No biases; E is the embedding, H the state's size.

    W0: (E + H, 2H) and each of Ws: (H, 2H) hold the gate's weights, then the candidate's.
    """

    def __init__(self, genotype: RnnGenotype | None, nodes: int, embedding: int, hidden: int):
        super().__init__()
        self.genotype: Any = genotype
        self.W0 = nn.Parameter(torch.empty(embedding + hidden, 2 * hidden).uniform_(-INIT, INIT))
        self.Ws = nn.ParameterList(
            nn.Parameter(torch.empty(hidden, 2 * hidden).uniform_(-INIT, INIT)) for _ in range(nodes)
        )

    def forward(self, inputs: Tensor, state: Tensor, drop: Dropouts) -> Tensor:
        """inputs: (T, B, E), state: (B, H) -> the state after each step (T, B, H)."""
        steps, batch, embedding = inputs.size()
        first: Tensor = self.W0
        rest, kept = list(self.Ws), None
        if self.training:
            if drop.inputs:
                inputs = inputs * mask(inputs, (1, batch, embedding), drop.inputs)
            kept = mask(state, tuple(state.size()), drop.hidden) if drop.hidden else None
            if drop.weights:
                below = first[embedding:] * mask(first, tuple(first[embedding:].size()), drop.weights)
                first = torch.cat([first[:embedding], below])
                rest = [weight * mask(weight, tuple(weight.size()), drop.weights) for weight in rest]
        entering = (inputs.reshape(steps * batch, embedding) @ first[:embedding]).view(steps, batch, -1)
        states = []
        for x in entering:  # what comes from the words was multiplied for all steps at once
            mixed = x + (state if kept is None else state * kept) @ first[embedding:]
            gate, candidate = mixed.chunk(2, dim=-1)
            node0 = state + torch.sigmoid(gate) * (torch.tanh(candidate) - state)
            state = self.step(node0, rest, kept)
            states.append(state)
        return torch.stack(states)

    def step(self, node0: Tensor, weights: list[Tensor], kept: Tensor | None) -> Tensor:
        """node0: (B, H) -> the cell's output (B, H)."""
        nodes = [node0]
        for (operation, source), weight in zip(self.genotype.recurrent, weights, strict=True):
            nodes.append(apply(operation, nodes[source], weight, kept))
        return torch.stack([nodes[i] for i in self.genotype.concat]).mean(0)


def apply(operation: str, source: Tensor, weight: Tensor, kept: Tensor | None) -> Tensor:
    """One node: the source, moved by a gate towards an operation of itself. source: (B, H)."""
    gate, candidate = ((source if kept is None else source * kept) @ weight).chunk(2, dim=-1)
    activated: Tensor = ACTIVATIONS[operation](candidate)
    return source + torch.sigmoid(gate) * (activated - source)


class SearchCell(RecurrentCell):
    """The supernet's cell: all cells of the space share its weights.

    genotype: the one path that is computed, or None for DARTS's mixture of all, weighted by the softmax of `alphas`
    (one row an edge, 0→1, 0→2, 1→2, 0→3, …; one column a candidate of PRIMITIVES). As in DARTS one batch normalisation
    without weights follows node 0 and every other node.
    """

    def __init__(self, genotype: RnnGenotype | None, embedding: int, hidden: int):
        super().__init__(genotype, len(NODES), embedding, hidden)
        self.norm = nn.BatchNorm1d(hidden, affine=False)
        self.alphas = nn.Parameter(1e-3 * torch.randn(sum(NODES), len(PRIMITIVES)))

    def step(self, node0: Tensor, weights: list[Tensor], kept: Tensor | None) -> Tensor:
        """node0: (B, H) -> the cell's output (B, H)."""
        nodes: list[Tensor] = [self.norm(node0)]
        if self.genotype is not None:
            for (operation, source), weight in zip(self.genotype.recurrent, weights, strict=True):
                nodes.append(self.norm(apply(operation, nodes[source], weight, kept)))
            return torch.stack(nodes[1:]).mean(0)
        shares, edge = self.alphas.softmax(dim=-1), 0
        for node, weight in zip(NODES, weights, strict=True):
            sources = torch.stack(nodes)  # (node, B, H)
            gate, candidate = ((sources if kept is None else sources * kept) @ weight).chunk(2, dim=-1)
            gate, total = torch.sigmoid(gate), torch.zeros_like(node0)
            for column, operation in enumerate(OPERATIONS, start=1):  # column 0 is `none`
                moved = sources + gate * (ACTIVATIONS[operation](candidate) - sources)
                total = total + (shares[edge : edge + node, column, None, None] * moved).sum(0)
            nodes.append(self.norm(total))
            edge += node
        return torch.stack(nodes[1:]).mean(0)

    def derive(self) -> RnnGenotype:
        """The cell that DARTS reads off the mixture: each node's edge with the largest share of one operation."""
        shares, edge, recurrent = self.alphas.detach().softmax(dim=-1)[:, 1:], 0, []
        for node in NODES:
            best, column = shares[edge : edge + node].max(dim=-1)
            source = int(best.argmax())
            recurrent.append((OPERATIONS[int(column[source])], source))
            edge += node
        return RnnGenotype(tuple(recurrent))


class LanguageModel(nn.Module):
    """Embedding, one recurrent cell over time, and a decoder that shares the embedding's weights.

    `dropouts` may be set at any time; in eval mode nothing is dropped.
    """

    def __init__(self, cell: RecurrentCell, vocabulary: int, embedding: int):
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


def build_language_model(
    arch: Any, *, vocabulary: int, embedding: int, hidden: int, search: bool = False
) -> LanguageModel:
    """The language model of a recurrent cell, initialised as in DARTS.

    arch: an RnnGenotype or its text. search: the supernet of the space instead, which computes `arch` or, where that is
    None, the mixture of all cells; `model.cell.genotype` may be set to another at any time. Raises InvalidArchitecture,
    or ValueError for sizes that no model has.
    """
    arch = SPACE.parse(arch) if isinstance(arch, str) else arch
    if min(vocabulary, embedding, hidden) < 1:
        raise ValueError(f"vocabulary, embedding and hidden must be positive, not {vocabulary}, {embedding}, {hidden}")
    if embedding != hidden:
        raise ValueError(f"encoder and decoder share their weights: embedding {embedding} must be hidden {hidden}")
    if search and (arch is None or isinstance(arch, RnnGenotype)):
        path = None if arch is None else SPACE.require(arch)
        return LanguageModel(SearchCell(path, embedding, hidden), vocabulary, embedding)
    if not isinstance(arch, RnnGenotype):
        raise TypeError(f"darts_rnn: an RnnGenotype or its text expected, not {type(arch).__name__}")
    return LanguageModel(RecurrentCell(arch, len(arch.recurrent), embedding, hidden), vocabulary, embedding)
