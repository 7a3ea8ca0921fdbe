"""How much is left of the jobs that `seki_lib/paper` declares: GPU operations, and rounds that ask an LLM.

Each job counts once, with the first table that needs it. What is finished under the results folder is subtracted,
half-done trainings and searches in part.
"""

import statistics
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from random import Random
from typing import Any

from ...evaluators import by_supernet
from ...files.jsonl import read_lines
from ...nn.count import count, count_supernet
from ...paper import REPORTS, Edition, Memory, Need, Search, Supernet, Training, needs_of
from ...paper.here import known_spec, training_spec
from ...spaces import DartsGenotype, get_space
from ...training.language_protocol import LanguageModelConfig
from ...training.protocol import ImageNetConfig, ImageNetSupernetConfig, SupernetConfig, training_protocol
from ..bounds import rounds_left

BACKWARD = 2  # the backward pass in forward passes
SAMPLES = {  # images or words: to train on, to validate or test on
    "cifar10": (50_000, 10_000), "cifar100": (50_000, 10_000), "imagenet": (1_281_167, 50_000),
    "imagenet_sample": (7_200, 2_000), "ptb": (929_589, 73_760),
}  # fmt: skip
CLASSES = {"cifar10": 10, "cifar100": 100, "imagenet": 1000, "imagenet_sample": 200}
VOCABULARY = 10_000  # words of Penn Treebank


def table_numbers() -> dict[str, int]:
    """The reports that are tables of the paper -> their numbers: `table5` -> 5."""
    numbers = {name: name.removeprefix("table") for name in REPORTS}
    return {name: int(number) for name, number in numbers.items() if number.isdecimal()}


@dataclass(frozen=True)
class Work:
    """What a GPU computes: so many samples (images, words), with a backward pass (trained) and without (tested)."""

    kind: str  # the kind of work, whose speed is known: a key of [published] in cards.toml
    multiply_adds: float  # forward, one sample
    trained: float
    tested: float = 0.0

    @property
    def operations(self) -> float:
        """Multiplications and additions."""
        return 2 * self.multiply_adds * ((1 + BACKWARD) * self.trained + self.tested)


@dataclass(frozen=True)
class PricedJob:
    """One need and what is left of it. A job without `work` needs no GPU, or only minutes of one."""

    need: Need
    table: int  # the first that needs it; Table 1 if only notebook 01 needs it
    work: Work | None = None
    times: float = 1.0  # how often the work is to be done: a share of a training, the cells that a search scores
    rounds: tuple[int, int] = (0, 0)  # rounds to ask an LLM for: of self-evolution, of inspiration

    @property
    def kind(self) -> str:
        """The kind of its work; empty where it has none."""
        return self.work.kind if self.work else ""

    @property
    def operations(self) -> float:
        """Multiplications and additions of a GPU that are left."""
        return self.times * self.work.operations if self.work else 0.0

    @property
    def splits(self) -> bool:
        """Whether it may be spread over several GPUs."""
        return isinstance(self.need, Supernet | Training) and self.need.dataset == "imagenet"


def jobs(edition: Edition, results: Path) -> list[PricedJob]:
    """Every job of an edition, with what is left of it."""
    found, numbers = [], table_numbers()
    for need, names in needs_of(edition).items():
        table = min((numbers[name] for name in names if name in numbers), default=1)
        if isinstance(need, Supernet):
            found.append(_supernet(need, table, edition, results))
        elif isinstance(need, Training):
            found.append(_training(need, table, edition, results))
        elif isinstance(need, Search) and need.until is None:
            found.append(_search(need, table, edition, results))
        elif isinstance(need, Memory):
            found.append(PricedJob(need, table))  # a few hundred short questions
    return found


def _supernet(need: Supernet, table: int, edition: Edition, results: Path) -> PricedJob:
    if not by_supernet(get_space(need.space).evaluator):
        return PricedJob(need, table)  # it takes minutes: notebook 01 tests with it how far f can be trusted
    spec = need.spec(edition)
    left = _share_left(spec.folder(results), spec.config.epochs)
    return PricedJob(need, table, supernet_work(spec.config, need.dataset), left)


def _search(need: Search, table: int, edition: Edition, results: Path) -> PricedJob:
    """Rounds to ask for, and as many cells to score; a fork has no self-evolution of its own."""
    evolve, inspire = rounds_left(need, edition, results)
    scorers = [before for before in need.after(edition) if isinstance(before, Supernet)]
    work = scoring_work(scorers[0].spec(edition).config, scorers[0].dataset) if scorers else None
    return PricedJob(need, table, work, evolve + inspire, (evolve, inspire))


def _training(need: Training, table: int, edition: Edition, results: Path) -> PricedJob:
    """A cell that no search has found yet is counted as DARTS_V2."""
    config = training_protocol(need.space, edition.name, need.dataset)
    spec = training_spec(need, edition, results) if need.searched else known_spec(need, edition)
    left = _share_left(spec.folder(results), config.epochs) if spec else 1.0
    cell = (spec or known_spec(replace(need, cell="DARTS_V2"), edition)).architecture
    return PricedJob(need, table, training_work(config, need.space, cell, need.dataset), left)


def _share_left(folder: Path, epochs: int) -> float:
    """The share of a training that is not done."""
    if (folder / "result.json").is_file():
        return 0.0
    return max(0.0, 1 - len(list(read_lines(folder / "metrics.jsonl"))) / epochs)


def supernet_work(config: Any, dataset: str) -> Work:
    """A supernet's training. config: a SupernetConfig, or a LanguageModelConfig."""
    if isinstance(config, LanguageModelConfig):  # each word trains the weights and α; a cell's 1 + … + 8 edges all run
        mixture = language_multiply_adds(config.hidden, edges=36)
        return Work("language_model", mixture, 2 * config.epochs * SAMPLES[dataset][0])
    photographs = isinstance(config, ImageNetSupernetConfig)
    shares = (config.weights_share, config.validation_share) if photographs else (0.5, 0.5)
    weights, alpha = (round(share * (config.train_images or SAMPLES[dataset][0])) for share in shares)
    if config.kind == "single_path":
        return Work(_supernet_kind(config), path_multiply_adds(config, dataset), config.epochs * weights)
    trained = config.epochs * weights + (config.epochs - config.alpha_from) * alpha
    return Work(_supernet_kind(config), supernet_multiply_adds(config, dataset), trained)


def scoring_work(config: Any, dataset: str) -> Work:
    """One cell scored by the supernet of these settings."""
    if isinstance(config, LanguageModelConfig):
        return Work("language_model", language_multiply_adds(config.hidden), 0, SAMPLES[dataset][1])
    return Work(_supernet_kind(config), path_multiply_adds(config, dataset), 0, config.score_images)


def training_work(config: Any, space: str, cell: str, dataset: str) -> Work:
    """A final training. After each epoch it tests on images, or validates on words.

    config: a ClassifierConfig, or a LanguageModelConfig.
    """
    train, test = SAMPLES[dataset]
    if isinstance(config, LanguageModelConfig):
        forward = language_multiply_adds(config.hidden)
        return Work("language_model", forward, train * config.epochs, test * config.epochs)
    stem, pixels = (config.stem, config.resolution) if isinstance(config, ImageNetConfig) else ("cifar", None)
    sizes = {"channels": config.channels, "layers": config.layers, "classes": CLASSES[dataset]}
    size = count(space, cell, stem=stem, resolution=pixels, **sizes)
    train, test = config.train_images or train, config.test_images or test
    kind = "imagenet" if stem == "imagenet" else "classifier"
    return Work(kind, size.multiply_adds, train * config.epochs, test * config.epochs)


def _stem(config: SupernetConfig) -> str:
    return config.stem if isinstance(config, ImageNetSupernetConfig) else "cifar"


def _supernet_kind(config: SupernetConfig) -> str:
    return "imagenet_supernet" if _stem(config) == "imagenet" else "supernet"


@cache
def path_multiply_adds(config: SupernetConfig, dataset: str = "cifar10") -> float:
    """Multiply-adds of one cell at the supernet's size for one image: the mean of 16 random cells."""
    space = get_space("darts")
    return statistics.fmean(supernet_multiply_adds(config, dataset, space.random(Random(i))) for i in range(16))


def supernet_multiply_adds(config: SupernetConfig, dataset: str, arch: DartsGenotype | None = None) -> float:
    """Multiply-adds of a supernet of the DARTS space for one image. arch: the cell that is run; None: the mixture."""
    sizes = {"channels": config.channels, "layers": config.layers, "classes": CLASSES[dataset]}
    kind = {"kind": "single_path" if arch else config.kind, "partial": config.partial, "stem": _stem(config)}
    return count_supernet(arch, config.resolution, **sizes, **kind)


def language_multiply_adds(hidden: int, edges: int = 8) -> int:
    """Multiply-adds of one word: the first projection, one matrix for each node and edge, the decoder."""
    return (2 * hidden) ** 2 + edges * hidden * 2 * hidden + hidden * VOCABULARY
