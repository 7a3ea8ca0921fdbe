"""What decides a training: sizes by profile, the cell, the data, the seed. Nothing here needs torch."""

import hashlib
import math
import re
import shlex
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import Any

from ..datasets.at_hand import DATASETS, NO_IMAGENET, STAND_INS, TEXTS, assets_at_hand, imagenet_tree
from ..files.errors import AssetError, RunError, SettingError, look_up
from ..files.jsonl import read_json
from ..results import Home
from ..spaces import get_space
from .language_protocol import LANGUAGE_SUPERNETS, LanguageModelConfig, language_protocol


def cosine(start: float, end: float, epoch: int, epochs: int) -> float:
    """From `start` to `end` over all epochs, constant within one, in closed form."""
    return end + (start - end) * (1 + math.cos(math.pi * epoch / epochs)) / 2


@dataclass(frozen=True)
class ClassifierConfig:
    """Settings of a final training on CIFAR; the defaults are the paper's (§5.1.1: those of PC-DARTS)."""

    channels: int = 36  # C of the first cells (PC-DARTS)
    layers: int = 20  # L, cells (PC-DARTS)
    epochs: int = 600  # §5.1.1
    batch: int = 96  # §5.1.1; the last, smaller batch of an epoch is kept
    lr: float = 0.025  # SGD; lr·(1 + cos(π·epoch / epochs)) / 2, constant within an epoch (PC-DARTS)
    momentum: float = 0.9  # PC-DARTS
    weight_decay: float = 3e-4  # PC-DARTS
    clip: float = 5.0  # largest norm of the gradient (PC-DARTS)
    auxiliary: float = 0.4  # weight of the auxiliary head's loss (PC-DARTS)
    cutout: int = 16  # side of the hole in pixels ("+ cutout" in Table 1)
    drop_path: float = 0.3  # p·epoch / epochs (PC-DARTS; DARTS 0.2)
    train_images: int = 0  # 0: all 50,000, as the field trains before it reports a test error
    test_images: int = 0  # 0: all 10,000
    precision: str = "fp32"  # or "bf16": autocast, weights stay fp32
    compile: str = ""  # "": eager; else torch.compile's mode: "default", or "reduce-overhead" with CUDA graphs
    threads: int = 0  # CPU threads, 0: torch's choice; only the same number gives the same bits
    stand_in: bool = False  # scikit-learn's digits may take the place of images that are not on this machine

    def __post_init__(self) -> None:
        if self.precision not in ("fp32", "bf16"):
            raise SettingError(f"precision must be 'fp32' or 'bf16', not {self.precision!r}")
        if self.compile not in ("", "default", "reduce-overhead"):
            raise SettingError(f"compile must be '', 'default' or 'reduce-overhead', not {self.compile!r}")
        if min(self.channels, self.layers, self.epochs, self.batch) < 1:
            raise SettingError("channels, layers, epochs and batch must be at least 1")

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch from 0."""
        return cosine(self.lr, 0.0, epoch, self.epochs)


PROTOCOLS: dict[str, ClassifierConfig] = {
    "smoke": ClassifierConfig(
        channels=4, layers=3, epochs=1, batch=32, train_images=128, test_images=128, threads=1, stand_in=True
    ),
    "laptop": ClassifierConfig(
        channels=6, layers=5, epochs=5, batch=32, lr=0.05, cutout=0, drop_path=0.0,
        train_images=1500, test_images=1000, threads=1, stand_in=True,
    ),
    "workstation": ClassifierConfig(epochs=50, precision="bf16"),
    "paper": ClassifierConfig(),
}  # fmt: skip
"""The protocol of each profile. `paper` is the real thing; the others are short and compare with themselves only."""


@dataclass(frozen=True)
class ImageNetConfig(ClassifierConfig):
    """Settings of a final training on photographs; the defaults are the paper's for ImageNet-1K (§5.1.1, PC-DARTS)."""

    channels: int = 48  # C (PC-DARTS)
    layers: int = 14  # L (PC-DARTS)
    epochs: int = 250  # §5.1.1
    batch: int = 1024  # §5.1.1
    lr: float = 0.5  # SGD; `rate` says how it falls (PC-DARTS)
    weight_decay: float = 3e-5  # PC-DARTS
    cutout: int = 0  # PC-DARTS has none here
    drop_path: float = 0.0  # PC-DARTS
    stem: str = "imagenet"  # three convolutions of stride 2; "cifar" keeps the resolution, for small images
    resolution: int = 224  # side of what the network sees, in pixels (PC-DARTS)
    resize: int = 256  # shorter side of a validation image before its centre is cut out (PC-DARTS)
    least_area: float = 0.08  # smallest share of an image that a random crop shows (RandomResizedCrop's own)
    jitter: tuple[float, float, float, float] = (0.4, 0.4, 0.4, 0.2)  # brightness, contrast, saturation, hue (PC-DARTS)
    label_smoothing: float = 0.1  # of the training loss; validation is plain (PC-DARTS)
    warm_up: int = 5  # epochs, if the batch is larger than 256 (PC-DARTS)
    workers: int = -1  # processes that decode images; -1: one for each CPU core but one, 0: none, in the training's own

    def __post_init__(self) -> None:
        super().__post_init__()
        _check_photographs(self)

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch from 0: warm-up, then linear, less steep in the last five (PC-DARTS)."""
        if epoch < self.warm_up and self.batch > 256:
            return self.lr * (epoch + 1) / self.warm_up
        slope = max(self.epochs - 5, 1)
        left = self.epochs - epoch
        return self.lr * (left - 5) / slope if left > 5 else self.lr * left / (slope * 5)


def _check_photographs(config: Any) -> None:
    if config.stem not in ("cifar", "imagenet"):
        raise SettingError(f"stem must be 'cifar' or 'imagenet', not {config.stem!r}")
    if not 0 < config.resolution <= config.resize:
        raise SettingError(f"resolution must lie in 1..resize, not {config.resolution} with resize={config.resize}")


_SHORT = ImageNetConfig(
    channels=8, layers=3, epochs=3, batch=32, lr=0.05, stem="cifar", resolution=32, resize=36, least_area=0.35,
    jitter=(0.0, 0.0, 0.0, 0.0), auxiliary=0.0, train_images=3000, test_images=1000, threads=1, workers=0,
)  # fmt: skip
IMAGENET_PROTOCOLS: dict[str, ImageNetConfig] = {
    "smoke": replace(_SHORT, channels=4, epochs=1, train_images=200, test_images=200),
    "laptop": _SHORT,
    "workstation": replace(
        _SHORT, channels=16, layers=8, epochs=30, resolution=64, resize=72, auxiliary=0.4, train_images=0,
        test_images=0, threads=0, workers=-1,
    ),
    "paper": ImageNetConfig(precision="bf16"),
}  # fmt: skip
"""As PROTOCOLS. `paper` is of ImageNet-1K, the others of its 200-class sample at 64 pixels."""
IMAGENET = dict.fromkeys(("smoke", "laptop", "workstation"), "imagenet_sample") | {"paper": "imagenet"}


@dataclass(frozen=True)
class SupernetConfig:
    """Settings of a supernet; the defaults are the paper's (§5.1.1: 50 epochs, batch 256, as PC-DARTS on CIFAR-10).

    kind: "single_path" trains one random cell a step (docs/fidelity.md says why). "pc_darts" and "darts" train the
    mixtures of these methods; "darts" is here a method, and not the space of that name.
    """

    kind: str = "single_path"
    channels: int = 16  # C of the first cells (PC-DARTS)
    layers: int = 8  # L, cells (PC-DARTS); nas201: cells a stage
    epochs: int = 50  # §5.1.1
    batch: int = 256  # §5.1.1
    lr: float = 0.1  # SGD, cosine to lr_end, constant within an epoch (PC-DARTS)
    lr_end: float = 0.0  # PC-DARTS (DARTS .001)
    momentum: float = 0.9  # PC-DARTS
    weight_decay: float = 3e-4  # PC-DARTS
    clip: float = 5.0  # largest norm of the gradient (PC-DARTS)
    partial: int = 4  # K of pc_darts: 1/K of the channels pass the operations (PC-DARTS)
    alpha_lr: float = 6e-4  # Adam for α and β, of pc_darts and darts (PC-DARTS; DARTS 3e-4)
    alpha_weight_decay: float = 1e-3  # PC-DARTS, betas (.5, .999)
    alpha_from: int = 15  # α is frozen in the epochs before (PC-DARTS; DARTS 0)
    train_images: int = 0  # 0: all 50,000; the first half for the weights, the second to validate and for α
    resolution: int = 32  # pixels; a smaller one averages blocks of them
    score_images: int = 512  # that f(α) is read from: every value of Tables 5 and 6 is a multiple of 1/512
    precision: str = "fp32"  # or "bf16": autocast, weights stay fp32
    threads: int = 0  # CPU threads, 0: torch's choice; only the same number gives the same bits
    stand_in: bool = False  # scikit-learn's digits may take the place of images that are not on this machine

    def __post_init__(self) -> None:
        if self.precision not in ("fp32", "bf16"):
            raise SettingError(f"precision must be 'fp32' or 'bf16', not {self.precision!r}")
        self._check_resolution()
        if min(self.channels, self.layers, self.epochs, self.batch, self.score_images) < 1:
            raise SettingError("channels, layers, epochs, batch and score_images must be at least 1")

    def _check_resolution(self) -> None:
        if self.resolution not in (8, 16, 32):
            raise SettingError(f"resolution must be 8, 16 or 32 pixels, not {self.resolution}")

    def rate(self, epoch: int) -> float:
        """The learning rate of an epoch from 0."""
        return cosine(self.lr, self.lr_end, epoch, self.epochs)


@dataclass(frozen=True)
class ImageNetSupernetConfig(SupernetConfig):
    """Settings of the direct search on ImageNet-1K (†, §5.1.1); the defaults are PC-DARTS's for it."""

    batch: int = 1024  # PC-DARTS
    lr: float = 0.5  # cosine to lr_end; `rate` says how it begins (PC-DARTS)
    partial: int = 2  # K of pc_darts (PC-DARTS)
    alpha_lr: float = 6e-3  # PC-DARTS; α's gradient is clipped here too
    alpha_from: int = 35  # PC-DARTS
    resolution: int = 224  # side of a random crop (PC-DARTS)
    stem: str = "imagenet"  # three convolutions of stride 2; "cifar" keeps the resolution, for small images
    resize: int = 256  # shorter side of an image that f(α) is read from, before its centre is cut out
    least_area: float = 0.08  # smallest share of an image that a random crop shows (RandomResizedCrop's own)
    warm_up: int = 5  # epochs, if the batch is larger than 256 (PC-DARTS)
    weights_share: float = 0.1  # of the training images of each class, for the weights (PC-DARTS)
    validation_share: float = 0.025  # of each class, for f(α), α, and to be held out (PC-DARTS: α)
    workers: int = -1  # processes that decode images; -1: one for each CPU core but one, 0: none, in the training's own

    def _check_resolution(self) -> None:
        _check_photographs(self)

    def rate(self, epoch: int) -> float:
        """Warm-up, then the cosine where it would be without."""
        warming = epoch < self.warm_up and self.batch > 256
        return self.lr * (epoch + 1) / self.warm_up if warming else super().rate(epoch)


_SMOKE = SupernetConfig(
    channels=4, layers=3, epochs=2, batch=32, train_images=1024, resolution=8, score_images=128, threads=1,
    stand_in=True,
)  # fmt: skip
_LAPTOP = SupernetConfig(
    channels=4, layers=3, epochs=8, batch=32, lr=0.025, resolution=16, threads=1, stand_in=True
)  # what else was tried: benchmarks/results/supernet.md and supernet_tries.md
_NAS201 = SupernetConfig(layers=5, epochs=100, batch=64, lr=0.025, lr_end=0.001)  # §5.1.2: as β-DARTS's code has it
SUPERNETS: dict[str, dict[str, Any]] = {
    "smoke": {"darts": _SMOKE, "nas201": replace(_SMOKE, layers=1)},
    "laptop": {
        "darts": _LAPTOP,
        "nas201": replace(_LAPTOP, channels=8, layers=1, epochs=30, batch=64, lr=0.05, resolution=8),
    },
    "workstation": {"darts": SupernetConfig(precision="bf16"), "nas201": replace(_NAS201, precision="bf16")},
    "paper": {"darts": SupernetConfig(), "nas201": _NAS201},
}
SUPERNETS = {profile: of | {"darts_rnn": LANGUAGE_SUPERNETS[profile]} for profile, of in SUPERNETS.items()}
"""The supernet of each profile and space."""

_PHOTOGRAPHS = ImageNetSupernetConfig(
    channels=8, layers=3, epochs=12, batch=32, lr=0.05, resolution=16, stem="cifar", resize=18, least_area=0.35,
    alpha_from=4, weights_share=0.5, validation_share=0.5, threads=1, workers=0, stand_in=True,
)  # fmt: skip
IMAGENET_SUPERNETS: dict[str, ImageNetSupernetConfig] = {
    "smoke": replace(_PHOTOGRAPHS, channels=4, epochs=1, train_images=1200, score_images=128),
    "laptop": _PHOTOGRAPHS,
    "workstation": replace(
        _PHOTOGRAPHS, channels=16, layers=8, epochs=50, batch=128, lr=0.1, alpha_from=15, resolution=64, resize=72,
        threads=0, workers=-1, precision="bf16",
    ),
    "paper": ImageNetSupernetConfig(precision="bf16"),
}  # fmt: skip
"""Supernets of the DARTS space on photographs: `paper` takes ImageNet-1K, the others its 200-class sample."""

HELD_OUT = 5120  # images besides those of f(α) that a final cell is read on, at most


@dataclass(frozen=True)
class SupernetSpec:
    """One supernet: of which space, on which images, in which profile, with which seed."""

    space: str
    dataset: str
    profile: str
    seed: int = 0
    kind: str = ""  # empty: the profile's

    @property
    def config(self) -> Any:
        """The profile's settings: a SupernetConfig, of darts_rnn a LanguageModelConfig. Raises UnknownName."""
        config = look_up("space with a supernet", look_up("profile", SUPERNETS, self.profile), self.space)
        space = get_space(self.space)
        if self.dataset.startswith("imagenet") and "imagenet" in space.stems:
            config = IMAGENET_SUPERNETS[self.profile]
        if not self.kind:
            return config
        look_up(f"kind of supernet of {self.space}", dict.fromkeys(space.supernets), self.kind)
        return replace(config, kind=self.kind)

    def folder(self, results: Path) -> Path:
        """Where this supernet lives."""
        return Home(results, self.profile).supernet(self.space, self.dataset, str(self.config.kind), self.seed)

    def command(self, results: Path | None = None) -> str:
        """The command that trains this supernet."""
        words = ["seki", "supernet", "--space", self.space, "--dataset", self.dataset]
        words += ["--profile", self.profile, "--seed", str(self.seed)]
        words += ["--kind", self.kind] if self.kind else []
        return shlex.join([*words, "--results", str(results)] if results else words)


def get_protocol(profile: str, dataset: str = "cifar10") -> ClassifierConfig:
    """The protocol of a profile by its name, for a data set. Raises UnknownName."""
    if dataset.startswith("imagenet"):
        return look_up("profile", IMAGENET_PROTOCOLS, profile)
    return look_up("profile", PROTOCOLS, profile)


def training_protocol(space: str, profile: str, dataset: str) -> Any:
    """The protocol of a final training in a space: a ClassifierConfig, or a LanguageModelConfig. Raises UnknownName."""
    is_text = get_space(space).trainer == "language_model"
    return language_protocol(profile) if is_text else get_protocol(profile, dataset)


def images_missing(profile: str) -> str:
    """Why this profile cannot train for Table 2 on this machine, or nothing."""
    if IMAGENET[profile] == "imagenet":
        return "" if imagenet_tree() else NO_IMAGENET
    try:
        here = assets_at_hand("imagenet_sample")
    except AssetError as error:
        return str(error)
    return "" if here else "the sample is not on this machine: seki data fetch imagenet_sample (from a mirror)"


@dataclass(frozen=True)
class TrainingSpec:
    """One training: which cell on which images, in which profile, with which seed."""

    name: str  # of the cell, for people and folders: "DARTS_V2", "random-0", "searched-1a2b3c4d"
    architecture: str  # the field's text
    dataset: str
    profile: str
    seed: int = 0
    space: str = "darts"
    variant: str = "default"  # set when the settings differ from the profile's

    def folder(self, results: Path) -> Path:
        """Where this training lives."""
        name = self.name if self.variant == "default" else f"{self.name},{self.variant}"
        return Home(results, self.profile).training(self.space, self.dataset, name, self.seed)


def named_architecture(arch: str, space: str = "darts") -> tuple[str, str]:
    """A cell as (name, text of the field).

    arch: a public genotype ("DARTS_V2"), "random:<seed>", the folder of a finished search, or the text itself.
    Raises UnknownName, InvalidArchitecture or RunError.
    """
    home = get_space(space)
    public = home.public_genotypes
    if arch in public:
        return arch, public[arch]
    if match := re.fullmatch(r"random:([0-9]{1,9})", arch):
        return f"random-{match[1]}", home.format(home.random(Random(int(match[1]))))
    if "(" not in arch and "|" not in arch and (result := Path(arch) / "result.json").is_file():
        text = home.format(home.parse(read_json(result)["architecture"]))
        return f"searched-{hashlib.sha256(text.encode()).hexdigest()[:8]}", text
    if "(" not in arch and "|" not in arch:
        named = f"one of {', '.join(public)}, " if public else ""
        raise RunError(
            f"{arch!r} is no architecture: give its text, {named}random:<seed>, or the "
            "folder of a finished search (results/<profile>/searches/…/seed=<n>)"
        )
    text = home.format(home.parse(arch))
    return f"text-{hashlib.sha256(text.encode()).hexdigest()[:8]}", text


def dataset_at_hand(dataset: str, config: ClassifierConfig | SupernetConfig | LanguageModelConfig) -> str:
    """The data set itself, or its stand-in where it is not here and the config allows one. Raises UnknownName.

    Of ImageNet-1K a config that allows a stand-in always takes the sample: its network is too small for the whole.
    """
    is_text = isinstance(config, LanguageModelConfig)
    look_up("text" if is_text else "data set", dict.fromkeys(TEXTS if is_text else DATASETS), dataset)
    stand_in = STAND_INS.get(dataset) if config.stand_in else None
    return stand_in if stand_in and not assets_at_hand(dataset) else dataset
