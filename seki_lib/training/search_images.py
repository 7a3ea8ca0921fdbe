"""The images of a search: which ones train a supernet's weights, give f(α), are held out, or move α.

    images = search_images(config)
    parts = images.split(images.load("cifar10"))

CIFAR's lie in memory; photographs stay files (`image_folder.py`). What a search does otherwise with one or the other
stands here and nowhere else.
"""

from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from ..datasets.augment import MEAN, PHOTOGRAPHS, STD, augment, augment_photographs
from ..datasets.image_folder import load_photographs, search_subsets
from ..datasets.images import TRAIN_IMAGES, Dataset, Images, LabelledImages, load_dataset
from ..files.errors import TrainingError
from .protocol import HELD_OUT, ImageNetSupernetConfig, SupernetConfig

NO_JITTER = (0.0, 0.0, 0.0, 0.0)  # a search changes no colours (PC-DARTS)


class Split(NamedTuple):
    """The training images of a data set as a supernet uses them; its test images are not touched."""

    weights: LabelledImages  # the first half: trains the weights
    score: Any  # in memory: the first `score_images` of the second half: f(α) is read from them
    held_out: LabelledImages  # the next ones, HELD_OUT or half of what is left: never seen by a search
    alphas: LabelledImages  # the rest of the second half: α of a mixed supernet


class Scored(NamedTuple):
    """What f(α) is read from, without the images that train."""

    data: Dataset  # that they are part of
    score: LabelledImages
    held_out: LabelledImages


class SearchImages:
    """CIFAR's, or images of its shape: the two halves of the training set, at the resolution asked for."""

    stem = "cifar"  # of the network that sees them
    statistics: tuple[Any, Any] = (MEAN, STD)  # a channel's mean and deviation
    clips_alphas = False  # whether α's gradient is clipped as the weights' is

    def __init__(self, config: Any):
        self.config = config

    def load(self, name: str) -> Dataset:
        """The training images that the settings ask for, in memory or as files. Raises AssetError."""
        return load_dataset(name, train=self.config.train_images, test=1)

    def load_scored(self, name: str) -> Scored:
        """The parts `score` and `held_out` of `split`: no other images are read."""
        half = (self.config.train_images or TRAIN_IMAGES[name]) // 2
        wanted = self.config.score_images + self._held_out(half)
        data = load_dataset(name, first=half, train=wanted, test=1)
        images = self._resized(data)
        score, held_out = torch.arange(len(images.labels)).tensor_split([self.config.score_images])
        return Scored(data, images.chosen(score), images.chosen(held_out))

    def split(self, data: Dataset) -> Split:
        """What each image is for. Raises TrainingError if there are too few images to score on."""
        weights, validation = self._shares(data)
        count, scored = len(validation.labels), self.config.score_images
        if count < scored + 2:
            raise TrainingError(
                f"{data.name}: {len(data.train.labels)} training images leave {count} to validate, and f(α) is read "
                f"from {scored} with others held out. Next: a larger train_images, or fewer score_images."
            )
        parts = torch.arange(count).tensor_split([scored, scored + self._held_out(count)])
        return Split(weights, *(validation.chosen(part) for part in parts))

    def _held_out(self, validation: int) -> int:
        """How many of so many images to validate are held out."""
        return int(min(HELD_OUT, (validation - self.config.score_images + 1) // 2))

    def _shares(self, data: Dataset) -> tuple[LabelledImages, LabelledImages]:
        """The images that train the weights, and those to validate."""
        images = self._resized(data)
        first, second = torch.arange(len(images.labels)).tensor_split([len(images.labels) // 2])
        return images.chosen(first), images.chosen(second)

    def _resized(self, data: Any) -> Images:
        return Images(shrink(data.train.images, self.config.resolution), data.train.labels)

    def views(self, images: Tensor, generator: torch.Generator, place: tuple[int, int]) -> Tensor:
        """Training images, uint8, as the network sees them. place: as of `augment`."""
        return augment(images, generator, pad=self.config.resolution // 8, place=place)


class SearchPhotographs(SearchImages):
    """ImageNet's, or a folder of its shape: two shares of each class (PC-DARTS), read when they are needed."""

    statistics = PHOTOGRAPHS
    clips_alphas = True  # PC-DARTS, on ImageNet only

    def __init__(self, config: ImageNetSupernetConfig):
        super().__init__(config)
        self.stem = config.stem

    def load(self, name: str) -> Dataset:
        """The files, unread. Raises AssetError."""
        return load_photographs(name, self.config, train=self.config.train_images, test=1)

    def load_scored(self, name: str) -> Scored:
        """Of the files, those of f in memory and those held out unread."""
        parts = self.split(files := self.load(name))
        return Scored(files, parts.score, parts.held_out)

    def split(self, data: Dataset) -> Split:
        """As of CIFAR; the files that f is read from are decoded at once."""
        parts = super().split(data)
        return parts._replace(score=parts.score.decoded())

    def _shares(self, data: Dataset) -> tuple[LabelledImages, LabelledImages]:
        weights, validation = search_subsets(
            data.train.labels, 0, weights=self.config.weights_share, validation=self.config.validation_share
        )
        return data.train.chosen(weights), data.train.chosen(validation)

    def views(self, images: Tensor, generator: torch.Generator, place: tuple[int, int]) -> Tensor:
        """The files' random crops, flipped."""
        return augment_photographs(images, generator, jitter=NO_JITTER, place=place)


def search_images(config: SupernetConfig) -> SearchImages:
    """The images of a search with these settings."""
    return SearchPhotographs(config) if isinstance(config, ImageNetSupernetConfig) else SearchImages(config)


def shrink(images: Tensor, resolution: int) -> Tensor:
    """(N, 3, 32, 32) uint8 -> (N, 3, resolution, resolution) uint8, the mean of blocks of pixels."""
    if images.shape[-1] == resolution:
        return images
    block = images.shape[-1] // resolution
    small = [nn.functional.avg_pool2d(part.float(), block).round().byte() for part in torch.split(images, 4096)]
    return torch.cat(small)
