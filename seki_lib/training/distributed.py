"""Many processes train as one: they share out each batch, and add up gradients and batch statistics.

    torchrun --nproc_per_node=8 -m seki_lib.app.cli train --arch DARTS_V2 --dataset imagenet --profile paper

`batch` stays the batch of the whole training, whatever the number of processes. The order of the images, the numbers
that decide each image's view, and the statistics of batch normalisation are those of one process with the whole batch:
N processes reach the weights of one, up to rounding (drop path alone draws from a stream for each process). So their
number is no setting of a training; it may differ when one goes on. Process 0 writes all files, the others none.

A trainer of `loop.py` needs four things of `self.world`: `synchronised(network)` once, `part(n)` of a batch, `weight`
on a mean over that part, and `add_gradients` after the backward pass. Alone, all four do nothing.
"""

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..files.errors import SekiError

T = TypeVar("T")
N = TypeVar("N", bound=nn.Module)


@dataclass(frozen=True)
class World:
    """One process among those that train together: number `rank` of `ranks`."""

    rank: int = 0
    ranks: int = 1
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - immutable

    @property
    def alone(self) -> bool:
        """Nobody else trains with this process."""
        return self.ranks == 1

    @property
    def first(self) -> bool:
        """The process that writes files and speaks."""
        return self.rank == 0

    def part(self, n: int) -> slice:
        """Which of `n` things in a row are this process's; the parts differ in length by one at most."""
        return slice(n * self.rank // self.ranks, n * (self.rank + 1) // self.ranks)

    def weight(self, n: int) -> float:
        """What a mean over this process's part of `n` counts in the mean over all of them."""
        return len(range(n)[self.part(n)]) / n

    def total(self, values: Tensor) -> Tensor:
        """The sum over all processes, in each of them; `values` itself stays as it is."""
        if self.alone:
            return values
        values = values.clone()
        dist.all_reduce(values)
        return values

    def agree(self, *flags: bool) -> list[bool]:
        """Each flag, true if any process raises it."""
        if self.alone:
            return list(flags)
        raised = torch.tensor(flags, dtype=torch.int32, device=self.device)
        dist.all_reduce(raised, dist.ReduceOp.MAX)
        return [bool(flag) for flag in raised.tolist()]

    def from_first(self, make: Callable[[], T]) -> T:
        """What `make()` returns in process 0, in each process; a SekiError of process 0 is raised in all of them."""
        if self.alone:
            return make()
        told: list[Any] = [None, None]
        if self.first:
            try:
                told[0] = make()
            except SekiError as error:
                told[1] = error
        dist.broadcast_object_list(told, src=0, device=self.device)
        if told[1] is not None:
            raise told[1]
        return told[0]  # type: ignore[no-any-return]

    def gather(self, value: T) -> list[T]:
        """The value of every process, in order of rank."""
        values: list[Any] = [value] * self.ranks
        if not self.alone:
            dist.all_gather_object(values, value)
        return values

    def add_gradients(self, parameters: Iterable[nn.Parameter]) -> None:
        """Add up the gradients of all processes, in one message.

        The same parameters must have a gradient everywhere: a path that is drawn is drawn from the step's seed.
        """
        if self.alone:
            return
        gradients = [p.grad for p in parameters if p.grad is not None]
        flat = torch.cat([gradient.flatten() for gradient in gradients])
        dist.all_reduce(flat)
        for gradient, added in zip(gradients, torch.split(flat, [g.numel() for g in gradients]), strict=True):
            gradient.copy_(added.view_as(gradient))

    def synchronised(self, network: N) -> N:
        """The network, its batch normalisation over the whole batch: torch's own on GPUs, `WholeBatchNorm2d` else."""
        if self.alone:
            return network
        if self.device.type == "cuda":
            return nn.SyncBatchNorm.convert_sync_batchnorm(network)  # type: ignore[no-untyped-call,no-any-return]
        for module in network.modules():
            if type(module) is nn.BatchNorm2d:
                module.__class__ = WholeBatchNorm2d
        return network


def join(device: torch.device) -> World:
    """The processes that `torchrun` started together, or this one alone."""
    if int(os.environ.get("WORLD_SIZE", "1")) == 1:
        return World(device=device)
    if device.type == "cuda":
        torch.cuda.set_device(device)
    if not dist.is_initialized():
        dist.init_process_group("nccl" if device.type == "cuda" else "gloo")
    return World(dist.get_rank(), dist.get_world_size(), device)


def leave() -> None:
    """Say goodbye to the other processes at the end of a program."""
    if dist.is_available() and dist.is_initialized():
        dist.destroy_process_group()


class _Sum(torch.autograd.Function):
    """The sum over all processes; its gradient is the sum of their gradients."""

    @staticmethod
    def forward(ctx: Any, *values: Tensor) -> Tensor:
        total = values[0].clone()
        dist.all_reduce(total)
        return total

    backward = forward


class WholeBatchNorm2d(nn.BatchNorm2d):
    """BatchNorm2d whose statistics are those of all processes' images. (N, C, H, W) -> the same.

    torch's SyncBatchNorm does this on GPUs only.
    """

    def forward(self, x: Tensor) -> Tensor:
        """x: this process's part of the batch."""
        if not self.training and self.running_mean is not None:
            return super().forward(x)
        channels, axes = x.shape[1], (0, 2, 3)
        sums = _Sum.apply(torch.cat([x.sum(axes), x.new_tensor([x.numel() / channels])]))  # type: ignore[no-untyped-call]
        count = sums[-1].detach()
        mean = sums[:-1] / count
        centred = x - mean.view(1, -1, 1, 1)
        variance = _Sum.apply(centred.square().sum(axes)) / count  # type: ignore[no-untyped-call]
        if self.training and self.track_running_stats:
            self._keep(mean.detach(), (variance * count / (count - 1)).detach())
        y = centred * (variance + self.eps).rsqrt().view(1, -1, 1, 1)
        if self.affine:
            y = y * self.weight.view(1, -1, 1, 1) + self.bias.view(1, -1, 1, 1)
        return y  # type: ignore[no-any-return]

    def _keep(self, mean: Tensor, variance: Tensor) -> None:
        if self.running_mean is not None and self.running_var is not None and self.num_batches_tracked is not None:
            self.num_batches_tracked.add_(1)
            momentum = 1 / int(self.num_batches_tracked) if self.momentum is None else self.momentum
            self.running_mean.lerp_(mean.to(self.running_mean.dtype), momentum)
            self.running_var.lerp_(variance.to(self.running_var.dtype), momentum)
