"""How large a network is: parameters and multiply-adds, as the field counts them.

Networks are built and run on the meta device: no weights exist, and shapes are followed by arithmetic.
"""

from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..spaces import DartsGenotype, SearchSpace
from .build import build_network, build_supernet


class Size(NamedTuple):
    """Trainable parameters, and multiply-adds of convolutions and linear layers for one image in eval mode."""

    parameters: int
    multiply_adds: int

    @property
    def params_m(self) -> float:
        """Parameters in millions, as tables print them."""
        return self.parameters / 1e6

    @property
    def madds_m(self) -> float:
        """Multiply-adds in millions."""
        return self.multiply_adds / 1e6


@lru_cache(maxsize=256)
def count(
    space: str | SearchSpace[Any],
    arch: Any,
    *,
    channels: int,
    layers: int,
    classes: int,
    auxiliary: bool = False,
    stem: str = "cifar",
    resolution: int | None = None,
) -> Size:
    """The size of `build_network(...)` of the same arguments, on images of `resolution` (32; imagenet: 224) pixels.

    Tables of the field leave the auxiliary head out; `auxiliary=True` adds its parameters, never its multiply-adds.
    About .4 s for 20 cells; `count_parameters` takes a tenth.
    """
    if resolution is not None and resolution < 1:
        raise ValueError(f"resolution must be positive, not {resolution}")
    sizes = {"channels": channels, "layers": layers, "classes": classes, "auxiliary": auxiliary, "stem": stem}
    network = _without_weights(space, arch, **sizes)
    return Size(parameters(network), _multiply_adds(network, resolution or (32 if stem == "cifar" else 224)))


@lru_cache(maxsize=256)
def count_parameters(space: str | SearchSpace[Any], arch: Any, **sizes: Any) -> int:
    """Trainable parameters of `build_network(space, arch, **sizes)`."""
    return parameters(_without_weights(space, arch, **sizes))


def _without_weights(space: str | SearchSpace[Any], arch: Any, **sizes: Any) -> nn.Module:
    with torch.device("meta"):
        return build_network(space, arch, **sizes)


def parameters(module: nn.Module) -> int:
    """Number of trainable parameters."""
    return sum(parameter.numel() for parameter in module.parameters() if parameter.requires_grad)


def _multiply_adds(network: nn.Module, side: int, *arch: Any) -> int:
    """Multiply-adds of one image of side x side pixels through a network on the meta device."""
    total = 0

    def add(module: Any, _: Any, output: Tensor) -> None:
        nonlocal total
        total += module.weight.numel() * output[0, 0].numel()  # a filter's weights, once a pixel

    layers = [module for module in network.modules() if isinstance(module, nn.Conv2d | nn.Linear)]
    hooks = [layer.register_forward_hook(add) for layer in layers]
    with torch.no_grad():
        network.eval()(torch.empty(1, 3, side, side, device="meta"), *arch)
    for hook in hooks:
        hook.remove()
    return total


def count_supernet(arch: DartsGenotype | None, resolution: int, **sizes: Any) -> int:
    """Multiply-adds of a supernet of the DARTS space on one image. sizes: as `build_supernet` takes them.

    arch: the genotype that is run; None: the mixture, in which every edge runs all operations.
    """
    return _multiply_adds(_supernet(**sizes), resolution, arch)


@lru_cache(maxsize=8)
def _supernet(**sizes: Any) -> Any:
    with torch.device("meta"):
        return build_supernet("darts", **sizes)
