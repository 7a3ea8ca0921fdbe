"""Batch normalisation over the images of all processes, on CPUs: torch's SyncBatchNorm does it on GPUs only.

With it the tests train in two processes, and compare the weights with those of one.
"""

import torch
import torch.distributed as dist
from torch import nn

from seki_lib.training.distributed import World


def use_on_cpus():
    """Let processes on CPUs share a training."""

    def synchronised(world, network):
        for module in network.modules():
            if type(module) is nn.BatchNorm2d and not world.alone:
                module.__class__ = WholeBatchNorm2d
        return network

    World.synchronised = synchronised


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx, values):
        total = values.clone()
        dist.all_reduce(total)
        return total

    @staticmethod
    def backward(ctx, *gradients):
        total = gradients[0].clone()
        dist.all_reduce(total)
        return total


class WholeBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d whose statistics are those of all processes' images. (N, C, H, W) -> the same."""

    def forward(self, x):
        """x: this process's part of the batch."""
        if not self.training and self.running_mean is not None:
            return super().forward(x)
        channels, axes = x.shape[1], (0, 2, 3)
        sums = _Sum.apply(torch.cat([x.sum(axes), x.new_tensor([x.numel() / channels])]))
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = x - mean.view(1, -1, 1, 1)
        variance = _Sum.apply(centred.square().sum(axes)) / count
        if self.training and self.track_running_stats:
            self._keep(mean.detach(), (variance * count / (count - 1)).detach())
        y = centred * (variance + self.eps).rsqrt().view(1, -1, 1, 1)
        if self.affine:
            y = y * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return y

    def _keep(self, mean, variance):
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
            self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)
