"""The reference's counts and values, and the rule that fills the weights behind them."""

import json
import math
from pathlib import Path

import torch
from torch import nn

VECTORS = json.loads((Path(__file__).parent / "reference_networks.json").read_text())


@torch.no_grad()
def fill(network):
    """The rule of the reference values; modules are found by type."""
    network.double()  # first: weights rounded to float32 miss the auxiliary values by 5e-5
    for module in network.modules():
        if isinstance(module, nn.Conv2d):
            o, i, a, b = torch.meshgrid(*(torch.arange(n) for n in module.weight.shape), indexing="ij")
            fan = module.weight[0].numel()
            module.weight.copy_(torch.sin((1 + o + 2 * i + 3 * a + 5 * b).double()) * math.sqrt(2 / fan))
        elif isinstance(module, nn.BatchNorm2d):
            c = torch.arange(module.num_features).double()
            if module.affine:
                module.weight.copy_(1 + 0.1 * torch.cos(c))
                module.bias.copy_(0.1 * torch.sin(c))
            module.running_mean.copy_(0.05 * torch.cos(c))
            module.running_var.copy_(1 + 0.2 * torch.sin(c) ** 2)
        elif isinstance(module, nn.Linear):
            o, i = torch.meshgrid(*(torch.arange(n) for n in module.weight.shape), indexing="ij")
            module.weight.copy_(torch.sin((1 + o + 2 * i).double()) / math.sqrt(module.in_features))
            module.bias.copy_(0.01 * torch.arange(module.out_features).double())
    return network


def images(n, size=32):
    n, c, h, w = torch.meshgrid(*(torch.arange(k).double() for k in (n, 3, size, size)), indexing="ij")
    return torch.sin(0.3 * n + 0.7 * c + 0.05 * h * (1 + c) + 0.11 * w)


def parameters(network):
    return sum(p.numel() for p in network.parameters() if p.requires_grad)
