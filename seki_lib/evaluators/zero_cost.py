"""f(alpha) without any training: what an untrained network, or only its size, says of a cell.

    get_evaluator("zero_cost", space="nas201", task="cifar10", kind="naswot")

All three scores prefer large cells. They are here to teach, and as what a supernet's f has to beat (docs/judges.md).
"""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cached_property
from time import perf_counter
from typing import TYPE_CHECKING, Any

from ..files.errors import look_up
from ..files.source import DataSource
from ..spaces import get_space
from .base import Evaluation, Evaluator

if TYPE_CHECKING:
    from torch import Tensor, nn

BIASED = "zero-cost score, biased to large cells"
SAYS = {
    "params": "parameters (M) of the benchmark's network",
    "naswot": "NASWOT (Mellor et al. 2021): log-determinant of the kernel of ReLU codes",
    "synflow": "log of synflow (Tanaka et al. 2020), batch normalisation after one batch",
}
BENCHMARK: dict[str, dict[str, Any]] = {  # the networks whose parameters are counted
    "nas201": {"channels": 16, "layers": 5, "classes": 10},
    "trans101": {"channels": 64, "layers": 2, "classes": 10},
    "darts": {"channels": 32, "layers": 8, "classes": 10},  # of NAS-Bench-301
}
SMALL: dict[str, dict[str, Any]] = {  # those that score: a query takes tens of milliseconds
    "nas201": {"channels": 4, "layers": 5, "classes": 10},
    "trans101": {"channels": 4, "layers": 2, "classes": 10},
    "darts": {"channels": 4, "layers": 5, "classes": 10},
}
PIXELS = {"nas201": 8, "trans101": 32, "darts": 8}  # trans101's network halves the resolution five times
IMAGES = 64
SINGULAR = 1e-6  # eigenvalues of the kernel below this count as this: images with equal codes give no minus infinity
LOWEST = -100.0  # log synflow where no gradient reaches any weight


def naswot(network: "nn.Module", images: "Tensor") -> float:
    """Log |K|, K[i, j] the number of ReLU units that agree on the images i and j: both positive, or both not.

    images: (N, 3, H, W) float. Batch normalisation takes the statistics of these images.
    """
    import torch

    codes: list[Tensor] = []
    network.train()
    with torch.no_grad(), _watching_relus(lambda output: codes.append((output > 0).flatten(1))):
        network(images)
    signs = torch.cat(codes, dim=1).float() * 2 - 1  # (N, units), 1 or -1: equal ones give 1, others -1
    kernel = (signs.shape[1] + signs @ signs.T).double() / 2
    return float(torch.linalg.eigvalsh(kernel).clamp(min=SINGULAR).log().sum())


def _watching_relus(seen: "Callable[[Tensor], None]") -> AbstractContextManager[Any]:
    """Show every ReLU's output, whether a module or a function computes it."""
    import torch
    from torch.utils._python_dispatch import TorchDispatchMode

    relus = (torch.ops.aten.relu.default, torch.ops.aten.relu_.default)

    class Watching(TorchDispatchMode):  # type: ignore[no-untyped-call]
        def __torch_dispatch__(self, function: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
            output = function(*args, **(kwargs or {}))
            if function in relus:
                seen(output)
            return output

    return Watching()  # type: ignore[no-untyped-call]


def log_synflow(network: "nn.Module", images: "Tensor") -> float:
    """Log Σ |θ · ∂R/∂θ|, R the sum of the outputs on an image of ones, after every weight became its absolute value.

    Batch normalisation first sees one batch in training mode, (N, 3, H, W) float, and keeps those statistics.
    The network is changed. It is computed in float64, since R grows by orders of magnitude with each layer.
    """
    import torch

    with torch.no_grad():
        network.train()(images)
        for weight in network.parameters():
            weight.abs_()
    network.eval().double()
    network(torch.ones(1, *images.shape[1:], dtype=torch.double)).sum().backward()
    flows = [(weight.detach() * weight.grad).abs().sum() for weight in network.parameters() if weight.grad is not None]
    flow = torch.stack(flows).sum()
    return float(flow.log()) if flow > 0 else LOWEST


class ZeroCost(Evaluator):
    """The score is the number of parameters in millions, or what an untrained small network of the cell says.

    Each network has the weights of seed 0 and sees the same 64 images. `seconds` is 0 for a cell scored before.
    """

    called = "zero-cost score"

    def __init__(self, space: str, task: str, *, kind: str = "naswot"):
        """kind: "params", "naswot" or "synflow". Raises UnknownName."""
        look_up("space with zero-cost scores", SMALL, space)
        look_up("task of zero-cost scores", {"cifar10": Any}, task)
        look_up("zero-cost score", SAYS, kind)
        self.space, self.kind = get_space(space), kind
        self.task = f"image classification on CIFAR-10 ({SAYS[kind]}, higher is better)"
        self.source = DataSource(f"zero_cost {kind}", f"{BIASED}: {SAYS[kind]}", "", "")
        self._known: dict[Any, Evaluation] = {}

    @cached_property
    def images(self) -> "Tensor":
        """(64, 3, H, W) float: CIFAR-10, normalised. Raises AssetError if it is not on this machine."""
        import torch

        from ..datasets.augment import MEAN, STD
        from ..datasets.images import load_dataset
        from ..training.search_images import shrink

        images: Any = load_dataset("cifar10", train=IMAGES, test=1).train.images
        pixels = shrink(images, PIXELS[self.space.name])
        mean, deviation = (torch.tensor(values).view(3, 1, 1) for values in (MEAN, STD))
        return (pixels.float() / 255 - mean) / deviation

    def load(self) -> None:
        """Read the images now, if the score needs them."""
        if self.kind != "params":
            _ = self.images

    def __call__(self, arch: Any) -> Evaluation:
        """The score of a cell, of its canonical form."""
        arch = self.space.canonical(arch)
        if arch in self._known:
            return self._known[arch]._replace(seconds=0.0)
        self.load()
        started = perf_counter()
        score = self._measured(arch)
        self._known[arch] = Evaluation(score, {self.kind: score}, round(perf_counter() - started, 4))
        return self._known[arch]

    def _measured(self, arch: Any) -> float:
        import torch

        from ..nn import build_network, count_parameters
        from ..training.machine import cpu_threads

        if self.kind == "params":
            return count_parameters(self.space, arch, **BENCHMARK[self.space.name]) / 1e6
        with cpu_threads(1), torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            network = build_network(self.space, arch, **SMALL[self.space.name])
            return (naswot if self.kind == "naswot" else log_synflow)(network, self.images)

    def caveat(self, arch: Any) -> str:
        """That the score is biased."""
        return f"{BIASED}: {SAYS[self.kind]}."
