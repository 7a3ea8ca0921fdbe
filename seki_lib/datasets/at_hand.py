"""Which data sets are on this machine, and how to fetch one."""

import os
from pathlib import Path

from ..files.assets import asset_folders, fetch, get_asset, locate
from ..files.errors import AssetError, look_up, say_once

TEXTS = ("ptb", "pydoc_topics")
DATASETS = ("cifar10", "cifar100", "digits", "imagenet", "imagenet_sample")
STAND_INS = {  # each under its own name
    "cifar10": "digits", "cifar100": "digits", "imagenet": "imagenet_sample", "ptb": "pydoc_topics",
}  # fmt: skip
DATA_ASSETS: dict[str, tuple[tuple[str, ...], ...]] = {
    **{name: ((name,), (f"{name}_jpeg_train", f"{name}_jpeg_test")) for name in ("cifar10", "cifar100")},
    "ptb": (("ptb_train", "ptb_valid", "ptb_test"), ("ptb_train_gz", "ptb_valid_gz", "ptb_test_gz")),
    "imagenet_sample": (("imagenet_sample",),),
}
"""The assets of each data set: any one of these groups holds it, the first that is here is taken."""

UNPACKED = {"cifar10": "cifar-10-batches-py", "cifar100": "cifar-100-python"}  # as torchvision leaves an archive
NO_IMAGENET = (
    "imagenet: no images found. Looked at $SEKI_IMAGENET and $SEKI_DATA/imagenet. The kit cannot fetch it: get "
    "it from image-net.org, sort it into train/<class>/ and val/<class>/, and set SEKI_IMAGENET to the folder of both."
)


def assets_at_hand(dataset: str) -> tuple[str, ...]:
    """The first group of assets of a data set that is complete on this machine, or nothing."""
    for group in DATA_ASSETS.get(dataset, ()):
        if all(locate(asset) for asset in group):
            return group
        for folder in asset_folders().values():
            if group[0] in UNPACKED and (unpacked := folder / UNPACKED[group[0]]).is_dir():
                say_once(
                    f"{unpacked} is not read: its files cannot be checked against the archive's hash. Put "
                    f"{get_asset(group[0]).filename} into {folder}: torchvision leaves it beside the extracted folder."
                )
    return ()


def fetch_dataset(dataset: str) -> tuple[str, ...]:
    """The assets of a data set, fetched from the best source in reach. Raises AssetError naming all tried."""
    if group := assets_at_hand(dataset):
        return group
    refused: list[str] = []
    for group in look_up("data set", DATA_ASSETS, dataset):
        try:
            for asset in group:
                fetch(asset)
            return group
        except AssetError as error:
            refused.append(str(error))
    raise AssetError(f"{dataset}: no source could be reached. " + " ".join(refused))


def imagenet_tree() -> Path | None:
    """The user's own ImageNet-1K: `$SEKI_IMAGENET`, else `$SEKI_DATA/imagenet`, if it is a folder or a zip file."""
    data = os.environ.get("SEKI_DATA")
    places = [os.environ.get("SEKI_IMAGENET"), data and str(Path(data) / "imagenet")]
    return next((Path(place) for place in places if place and Path(place).exists()), None)
