"""What trainings on images share: the order of the images, batches of them, a step of SGD, the line of an epoch."""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from ..datasets.images import LabelledImages
from .loop import Job, Training


class ImageTraining(Training):
    """An epoch is all images of `train` in a new order, by batches; the last, smaller one is kept.

    A trainer's `__init__` sets `network` (by `placed`), `optimizer` and `train`.
    """

    shares = True
    network: Any
    optimizer: torch.optim.SGD
    train: LabelledImages

    def __init__(self, job: Job):
        super().__init__(job)
        self.streams: list[Any] = []  # of this epoch's batches

    def placed(self, network: nn.Module) -> Any:
        """A network on the device, in the memory layout of `laid_out`, normalised over the batch of all processes."""
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
        return self.world.synchronised(network.to(self.device))

    @staticmethod
    def laid_out(batch: Tensor) -> Tensor:
        """Images with the channels last: what that gains stands in benchmarks/results/classifier_step.md."""
        return batch.contiguous(memory_format=torch.channels_last)

    def run(self) -> dict[str, Any]:
        """As every training; no process that decodes images is left behind, however it ends."""
        try:
            return super().run()
        finally:
            self._close_streams()

    def _close_streams(self) -> None:
        """End the processes that decode for an epoch, if it was left before its end."""
        while self.streams:
            self.streams.pop().close()

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        return int(-(-len(self.train.labels) // self.config.batch))

    def draw_order(self, cpu: torch.Generator) -> Tensor:
        """(N,) a permutation of the training images."""
        return torch.randperm(len(self.train.labels), generator=cpu).to(self.device)

    @property
    def whole(self) -> int:
        """Images of this step's batch, of all processes together."""
        return int(min(self.config.batch, len(self.order) - self.step * self.config.batch))

    @property
    def place(self) -> tuple[int, int]:
        """Where this process's part of the step's batch begins, and how large the batch is."""
        return self.world.part(self.whole).start, self.whole

    def begin_epoch(self) -> None:
        """Learning rate of the epoch, and its batches from the next step on."""
        for group in self.optimizer.param_groups:
            group["lr"] = self.config.rate(self.epoch)
        self._close_streams()
        left = torch.split(self.order, self.config.batch)[self.step :]
        self.batches = self.parts_of(self.train, left, ["crops"] * len(left))
        self.network.train()

    def parts_of(
        self, images: LabelledImages, batches: Sequence[Tensor], crops: Sequence[str]
    ) -> Iterator[tuple[Tensor, Tensor]]:
        """Images and labels of this process's part of each batch, which is given as indices of `images`.

        crops: name each batch's random crops, of files.
        """
        parts = [whole[self.world.part(len(whole))] for whole in batches]
        stream = images.batches(parts, self.device, [self.seed_of(name) for name in crops])
        self.streams.append(stream)
        return stream

    def descend(self, loss: Tensor, counted: Tensor, logits: Tensor, labels: Tensor) -> None:
        """A step down the gradient of `loss`; `counted`, the loss of the main head, and the errors go into `sums`."""
        self.optimizer.zero_grad(set_to_none=True)
        (loss * self.world.weight(self.whole)).backward()  # type: ignore[no-untyped-call]
        self.world.add_gradients(self.network.parameters())
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimizer.step()
        self.sums[0] += counted.detach() * len(labels)
        self.sums[1] += (logits.detach().argmax(1) != labels).sum()

    def line(self, what: str, **measured: float) -> tuple[dict[str, Any], str]:
        """The epoch as `close_epoch` returns it. measured: in %, the last of them also said, as `what`."""
        n, (loss, wrong) = len(self.order), self.sums.tolist()
        speed = round(n / max(self.epoch_seconds, 1e-9), 1)
        trained = {"lr": self.config.rate(self.epoch), "train_loss": loss / n, "train_error": 100 * wrong / n}
        words = "lr {lr:.5f}  loss {train_loss:.3f}  train error {train_error:5.2f} %".format(**trained)
        said = f"{words}  {what} {list(measured.values())[-1]:5.2f} %  {speed:,.0f} images/s"
        return trained | measured | {"images_per_second": speed}, said
