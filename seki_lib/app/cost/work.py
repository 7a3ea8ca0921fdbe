"""What one job takes: the operations of a GPU's, the calls of a search's. Sizes and arithmetic; no file is read."""

import statistics
from dataclasses import dataclass
from functools import cache
from random import Random

from ...nn.count import count, count_supernet
from ...spaces import get_space
from ...training.language_protocol import LANGUAGE_PROTOCOLS, LANGUAGE_SUPERNETS
from ...training.protocol import IMAGENET_PROTOCOLS, IMAGENET_SUPERNETS, ClassifierConfig, SupernetConfig

BACKWARD = 2  # the backward pass in forward passes
PHASES = SUPERNET, SEARCH, TRAINING = range(3)  # each waits for the one before


@dataclass(frozen=True)
class Protocols:
    """What experiments take, as the profile `paper` sets it, and the sizes of their data."""

    imagenet_epochs: int = IMAGENET_PROTOCOLS["paper"].epochs
    imagenet_channels: int = IMAGENET_PROTOCOLS["paper"].channels
    imagenet_layers: int = IMAGENET_PROTOCOLS["paper"].layers
    imagenet_images: tuple[int, int] = (1_281_167, 50_000)  # training, validation
    imagenet_search: SupernetConfig = IMAGENET_SUPERNETS["paper"]
    imagenet_search_images: tuple[int, int] = (128_117, 32_029)  # 10 % of each class for the weights, 2.5 % to validate
    tokens: tuple[int, int] = (929_589, 73_760)  # of Penn Treebank: training, validation
    vocabulary: int = 10_000
    language_epochs: int = LANGUAGE_PROTOCOLS["paper"].epochs
    language_embedding: int = LANGUAGE_PROTOCOLS["paper"].hidden
    language_search_epochs: int = LANGUAGE_SUPERNETS["paper"].epochs
    language_search_embedding: int = LANGUAGE_SUPERNETS["paper"].hidden


@dataclass(frozen=True)
class Work:
    """One job of a GPU. trained, tested: samples (images, tokens) with and without a backward pass."""

    table: int
    what: str
    kind: str  # of what is known of its speed: a key of [published] in cards.toml
    phase: int
    multiply_adds: float  # forward, one sample
    trained: float
    tested: float = 0.0
    parameters: int = 0
    left: float = 1.0  # share that is not done yet
    splits: bool = False  # may be spread over several GPUs

    @property
    def operations(self) -> float:
        """Multiplications and additions that are left to do."""
        return 2 * self.multiply_adds * ((1 + BACKWARD) * self.trained + self.tested) * self.left


@dataclass(frozen=True)
class Asking:
    """Rounds of searches that are left to do: of self-evolution (two calls) and of inspiration (one)."""

    table: int
    space: str
    evolve: int
    inspire: int

    @property
    def calls(self) -> int:
        """Calls at first attempt."""
        return 2 * self.evolve + self.inspire


def supernet_work(config: SupernetConfig, images: tuple[int, int], stem: str = "cifar") -> Work:
    """A supernet of the DARTS space. images: of an epoch of its weights, and of its α if it has any."""
    imagenet = stem == "imagenet"
    if config.kind == "single_path":
        forward, trained = path_multiply_adds(config, stem), config.epochs * images[0]
    else:
        partial = config.partial if config.kind == "pc_darts" else 1
        forward = count_supernet(
            config.channels, config.layers, partial=partial, classes=1000 if imagenet else 10, stem=stem
        )
        trained = config.epochs * images[0] + (config.epochs - config.alpha_from) * images[1]
    kind = "imagenet_supernet" if imagenet else "supernet"
    return Work(1 + imagenet, f"{config.kind} supernet", kind, SUPERNET, forward, trained, parameters=2_000_000,
                splits=imagenet)  # fmt: skip


@cache
def path_multiply_adds(config: SupernetConfig, stem: str = "cifar") -> float:
    """Of one cell at the supernet's size: the mean of 16 random ones."""
    space = get_space("darts")
    return statistics.fmean(
        count_supernet(config.channels, config.layers, classes=10, stem=stem, arch=space.random(Random(i)))
        for i in range(16)
    )


def classifier_work(config: ClassifierConfig, genotype: str, dataset: str) -> Work:
    """A final training on CIFAR: all epochs on the training images, with a look at the test images after each."""
    trained, tested = config.train_images or 50_000, config.test_images or 10_000
    size = count("darts", genotype, channels=config.channels, layers=config.layers, auxiliary=True,
                 classes=100 if dataset == "cifar100" else 10)  # fmt: skip
    return Work(1, "", "classifier", TRAINING, size.multiply_adds, trained * config.epochs, tested * config.epochs,
                size.parameters)  # fmt: skip


def imagenet_work(p: Protocols, genotype: str) -> Work:
    """A final training on ImageNet-1K."""
    size = count("darts", genotype, channels=p.imagenet_channels, layers=p.imagenet_layers, classes=1000,
                 auxiliary=True, stem="imagenet")  # fmt: skip
    train, valid = (n * p.imagenet_epochs for n in p.imagenet_images)
    return Work(2, "", "imagenet", TRAINING, size.multiply_adds, train, valid, size.parameters, splits=True)


def language_work(p: Protocols, search: bool = False) -> Work:
    """Penn Treebank: the supernet (weights and architecture parameters), or the final language model."""
    train, valid = p.tokens
    if search:
        forward = language_multiply_adds(p.language_search_embedding, p.vocabulary, edges=36)  # all 1 + … + 8
        return Work(8, "supernet of recurrent cells", "language_model", SUPERNET, forward,
                    2 * train * p.language_search_epochs, parameters=5_000_000)  # fmt: skip
    forward = language_multiply_adds(p.language_embedding, p.vocabulary)
    return Work(8, "language model", "language_model", TRAINING, forward, train * p.language_epochs,
                valid * p.language_epochs, 23_000_000)  # fmt: skip


def language_multiply_adds(embedding: int, vocabulary: int, edges: int = 8) -> int:
    """Of one token: the first projection, a matrix a node and edge, the decoder."""
    return (2 * embedding) ** 2 + edges * embedding * 2 * embedding + embedding * vocabulary
