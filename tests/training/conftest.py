"""One training of a few steps on digits, shared by the tests of a file."""

import pytest

from seki_lib.datasets.images import load_dataset

from .tiny import TINY, train


@pytest.fixture(scope="module")
def digits():
    return load_dataset("digits", train=TINY.train_images, test=TINY.test_images)


@pytest.fixture(scope="module")
def whole(digits, tmp_path_factory):
    """A training that nobody stopped."""
    folder = tmp_path_factory.mktemp("whole")
    train(digits, folder)
    return folder
