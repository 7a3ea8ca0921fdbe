"""Networks and supernets by the name of a space. Each space says in its own folder what they are (`network.py`).

    network = build_network("darts", "Genotype(normal=[…], …)", channels=36, layers=20, classes=10, auxiliary=True)
    supernet = build_supernet("darts", channels=16, layers=8, classes=10)            # single_path
    logits = supernet(images, genotype)                                              # runs only its edges

`layers` counts cells as each benchmark does: DARTS' L, NAS-Bench-201's N a stage, TransNAS-Bench-101's 2 a stage.
"""

from typing import Any

from torch import nn

from ..files.errors import look_up
from ..spaces import SearchSpace, get_space
from .language_model import LanguageModel

STEMS = dict.fromkeys(("cifar", "imagenet"))


def network_of(space: SearchSpace[Any]) -> Any:
    """The module that has `build`. Raises UnknownName."""
    from ..spaces.darts import network as darts
    from ..spaces.nas201 import network as nas201
    from ..spaces.trans101 import network as trans101

    networks = {"darts": darts, "nas201": nas201, "trans101": trans101}  # one line a space
    return look_up("space with a network for images", networks, space.name)


def supernet_of(space: SearchSpace[Any]) -> Any:
    """The module that has `build_supernet`. Raises UnknownName."""
    from ..spaces.darts import supernet as darts
    from ..spaces.nas201 import network as nas201

    return look_up("space with a supernet", {"darts": darts, "nas201": nas201}, space.name)


def build_network(
    space: str | SearchSpace[Any],
    arch: Any,
    *,
    channels: int,
    layers: int,
    classes: int,
    auxiliary: bool = False,
    stem: str = "cifar",
) -> nn.Module:
    """The network of an architecture, randomly initialised as torch does.

    space: a name or a space. arch: a value of the space or its text. Raises UnknownName, InvalidArchitecture, or
    ValueError for sizes that no network has.
    """
    space = _checked(space, channels, layers, classes, stem)
    module, arch = network_of(space), space.parse(arch) if isinstance(arch, str) else arch
    if not isinstance(arch, space.architecture):
        raise TypeError(f"{space.name}: {space.architecture.__name__} or its text expected, not {type(arch).__name__}")
    if auxiliary not in (True, False):
        raise ValueError(f"auxiliary must be True or False, not {auxiliary!r}")
    if auxiliary and not space.auxiliary:
        raise ValueError(f"{space.name}: its networks have no auxiliary head")
    network: nn.Module = module.build(arch, channels, layers, classes, auxiliary=auxiliary, stem=stem)
    return network


def build_supernet(
    space: str | SearchSpace[Any],
    *,
    channels: int,
    layers: int,
    classes: int,
    kind: str = "single_path",
    partial: int = 4,
    stem: str = "cifar",
) -> Any:
    """A supernet, randomly initialised as torch does: one network that holds the weights of every cell of a space.

    kind: `single_path` runs one cell at a time (paper §5.1.1); what it runs is the stand-alone network of that cell,
    BN of the cells without affine parameters. `darts` mixes all operations of an edge by softmax(α); `pc_darts` does so
    on 1/K of the channels, and weights the edges of a node by softmax(β). partial: K, which must divide `channels`.
    Raises UnknownName, or ValueError for sizes that none has.
    """
    space = _checked(space, channels, layers, classes, stem)
    module = supernet_of(space)
    look_up(f"kind of supernet of {space.name}", dict.fromkeys(space.supernets), kind)
    return module.build_supernet(channels, layers, classes, kind=kind, partial=partial, stem=stem)


def _checked(space: str | SearchSpace[Any], channels: int, layers: int, classes: int, stem: str) -> SearchSpace[Any]:
    """The space, if networks of it can have these sizes."""
    space = get_space(space) if isinstance(space, str) else space
    look_up("stem", STEMS, stem)
    if stem not in space.stems:
        raise ValueError(f"{space.name}: its networks have no {stem} stem")
    if channels < 2 or channels % 2 or layers < 1 or classes < 1:
        raise ValueError(
            f"channels must be even and positive, layers and classes positive, not {channels}, {layers}, {classes}"
        )
    return space


def build_language_model(
    arch: Any, *, vocabulary: int, embedding: int, hidden: int, search: bool = False
) -> LanguageModel:
    """The language model of a recurrent cell, initialised as in DARTS.

    arch: an RnnGenotype or its text. search: the supernet of the space instead, which computes `arch` or, where that is
    None, the mixture of all cells; `model.cell.genotype` may be set to another at any time. Raises InvalidArchitecture,
    or ValueError for sizes that no model has.
    """
    from ..spaces.darts_rnn import network

    if min(vocabulary, embedding, hidden) < 1:
        raise ValueError(f"vocabulary, embedding and hidden must be positive, not {vocabulary}, {embedding}, {hidden}")
    if embedding != hidden:
        raise ValueError(f"encoder and decoder share their weights: embedding {embedding} must be hidden {hidden}")
    return LanguageModel(network.build_cell(arch, embedding, search=search), vocabulary, embedding)
