"""The stand-alone network with the weights that a supernet has for it: by it a supernet's paths are checked."""

import torch
from torch import nn

from seki_lib.nn import build_network
from seki_lib.spaces.darts import OPERATIONS as DARTS_OPERATIONS
from seki_lib.spaces.darts.supernet import DartsSupernetCell, single_path
from seki_lib.spaces.nas201 import OPERATIONS
from seki_lib.spaces.nas201.network import SupernetCell


@torch.no_grad()
def inherit(space, supernet, arch, sizes):
    """The network of an architecture; its BN in the cells keeps γ = 1, β = 0."""
    network = build_network(space, arch, **sizes).to(supernet.classifier.weight)
    for mine, theirs in zip(with_weights(network), of_supernet(supernet, arch), strict=True):
        given = theirs.state_dict()
        for name, tensor in mine.state_dict().items():
            if name in given:
                tensor.copy_(given[name])
    return network


def with_weights(module):
    """All modules that hold weights, in the order in which they were made."""
    return (child for child in module.modules() if isinstance(child, nn.Conv2d | nn.BatchNorm2d | nn.Linear))


def of_supernet(supernet, arch):
    """The same modules of the supernet, those of the operations of `arch` only."""
    for module in supernet.children():
        match module:
            case nn.ModuleList():
                yield from of_supernet(module, arch)
            case DartsSupernetCell():
                yield from with_weights(module.preprocess0)
                yield from with_weights(module.preprocess1)
                for number, terms, _ in single_path(arch.reduce if module.reduction else arch.normal, DARTS_OPERATIONS):
                    yield from with_weights(module.edges[number].operations[terms[0][0]])
            case SupernetCell():
                for edge, name in zip(module.edges, arch.edges, strict=True):
                    yield from with_weights(edge.operations[OPERATIONS.index(name)])
            case _:
                yield from with_weights(module)
