"""Recurrent cells: one step of the evaluation network, and of the search supernet, as in DARTS (paper, appendix A).

In a language model the parameters are `encoder.weight` (which is `decoder.weight` too), `cell.W0`, `cell.Ws[k]` of node
k + 1, `decoder.bias`.
"""

from typing import Any

import torch
from torch import Tensor, nn

from ...nn.language_model import INIT, Dropouts, mask
from . import NODES, OPERATIONS, PRIMITIVES, DartsRnn, RnnGenotype

ACTIVATIONS: dict[str, Any] = {
    "tanh": torch.tanh,
    "relu": torch.relu,
    "sigmoid": torch.sigmoid,
    "identity": lambda h: h,
}


class RecurrentCell(nn.Module):
    """One step: (B, H) input and (B, H) state -> (B, H). No biases; H is the size of embedding and state alike.

    W0: (2H, 2H) and each of Ws: (H, 2H) hold the gate's weights, then the candidate's.
    """

    def __init__(self, genotype: RnnGenotype | None, nodes: int, hidden: int):
        super().__init__()
        self.genotype: Any = genotype
        self.W0 = nn.Parameter(torch.empty(2 * hidden, 2 * hidden).uniform_(-INIT, INIT))
        self.Ws = nn.ParameterList(
            nn.Parameter(torch.empty(hidden, 2 * hidden).uniform_(-INIT, INIT)) for _ in range(nodes)
        )

    def forward(self, inputs: Tensor, state: Tensor, drop: Dropouts) -> Tensor:
        """inputs: (T, B, H), state: (B, H) -> the state after each step (T, B, H)."""
        steps, batch, hidden = inputs.size()
        first: Tensor = self.W0
        rest, kept = list(self.Ws), None
        if self.training:
            if drop.inputs:
                inputs = inputs * mask(inputs, (1, batch, hidden), drop.inputs)
            kept = mask(state, tuple(state.size()), drop.hidden) if drop.hidden else None
            if drop.weights:
                below = first[hidden:] * mask(first, tuple(first[hidden:].size()), drop.weights)
                first = torch.cat([first[:hidden], below])
                rest = [weight * mask(weight, tuple(weight.size()), drop.weights) for weight in rest]
        entering = (inputs.reshape(steps * batch, hidden) @ first[:hidden]).view(steps, batch, -1)
        states = []
        for x in entering:  # what comes from the words was multiplied for all steps at once
            mixed = x + (state if kept is None else state * kept) @ first[hidden:]
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

    def __init__(self, genotype: RnnGenotype | None, hidden: int):
        super().__init__(genotype, len(NODES), hidden)
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


def build_cell(arch: Any, hidden: int, *, search: bool) -> RecurrentCell:
    """The cell of an architecture or its text, or of the supernet, where None is the mixture."""
    space = DartsRnn()
    arch = space.parse(arch) if isinstance(arch, str) else arch
    if search:
        return SearchCell(None if arch is None else space.require(arch), hidden)
    if not isinstance(arch, RnnGenotype):
        raise TypeError(f"darts_rnn: an RnnGenotype or its text expected, not {type(arch).__name__}")
    return RecurrentCell(arch, len(arch.recurrent), hidden)
