"""A small ImageNet for unit tests: smooth pictures of a few colours in three classes."""

import io

import numpy as np
from PIL import Image

CLASSES = ("n01440764", "n01443537", "n01484850")


def photograph(seed, width=60, height=40, mode="RGB"):
    """A smooth picture of a few colours, as a JPEG."""
    small = np.random.default_rng(seed).integers(0, 256, (4, 6, 3), dtype=np.uint8)
    image = Image.fromarray(small).resize((width, height), Image.Resampling.BICUBIC).convert(mode)
    content = io.BytesIO()
    image.save(content, "JPEG", quality=95)
    return content.getvalue()


def make_tree(root, train=5, val=2):
    """`root`/train/<class>/ and `root`/val/<class>/ with so many images of each class; returns `root`."""
    for i, label in enumerate(CLASSES):
        for split, n in (("train", train), ("val", val)):
            folder = root / split / label
            folder.mkdir(parents=True)
            for k in range(n):
                (folder / f"{label}_{k}.JPEG").write_bytes(photograph(100 * i + k))
    return root
