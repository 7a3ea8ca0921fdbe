"""Images a second that one CPU core turns into training batches, against one image at a time on the same files.

    OMP_NUM_THREADS=1 python benchmarks/image_pipeline.py      # one core, about 2 minutes

"plain" does to each file what public ImageNet code does with Pillow: decode all of it, crop and scale, flip,
brightness, contrast, saturation and hue in random order, to float, normalise. "ours" is the kit's: decode at the
smallest scale that serves, crop and scale to bytes (what worker processes do, all that CPU cores must keep up with),
then the rest for a whole batch (what the GPU does; in one column the same core does that too). Rounds alternate; a
ratio is of neighbours in time, and the median is shown.

The files are those of the asset imagenet_sample_1000, one photograph of each class at 128 pixels: as they are, cut to
64, about the ratio of a 500-pixel file to a view of 224; and enlarged to 500 pixels and saved as JPEG (quality 90), cut
to 224. The latter have the size of ImageNet's files but less detail, so they decode faster than those would.
The last run is kept in benchmarks/results/image_pipeline.md.
"""

import io
import math
import platform
import statistics
import tempfile
import time
import zipfile
from dataclasses import replace
from pathlib import Path
from random import Random

import numpy as np
import torch
from PIL import Image, ImageEnhance

from seki_lib.datasets.augment import PHOTOGRAPHS, augment_photographs
from seki_lib.datasets.image_folder import Photographs, random_box
from seki_lib.files.assets import locate
from seki_lib.training.protocol import ImageNetConfig

ROUNDS, BATCH = 7, 128
MEAN, STD = (np.array(values, np.float32).reshape(3, 1, 1) for values in PHOTOGRAPHS)
SEED = 1 << 20


def jittered(image, draw):
    """Brightness, contrast, saturation and hue with Pillow, in random order."""
    for change in draw.sample(range(4), 4):
        if change < 3:
            enhancer = (ImageEnhance.Brightness, ImageEnhance.Contrast, ImageEnhance.Color)[change]
            image = enhancer(image).enhance(draw.uniform(0.6, 1.4))
        else:
            hue, saturation, value = image.convert("HSV").split()
            turned = (np.asarray(hue, np.int16) + round(255 * draw.uniform(-0.2, 0.2))).astype(np.uint8)
            image = Image.merge("HSV", (Image.fromarray(turned), saturation, value)).convert("RGB")
    return image


def plain(files, indices, size):
    """(n, 3, size, size) float32, one image after the other."""
    batch = []
    for index in indices:
        draw = Random(SEED << 32 | index)
        image = Image.open(files.root / files.images[index]).convert("RGB")
        image = image.crop(random_box(*image.size, draw)).resize((size, size), Image.Resampling.BILINEAR)
        if draw.random() < 0.5:
            image = image.transpose(Image.Transpose.FLIP_LEFT_RIGHT)
        pixels = np.asarray(jittered(image, draw), np.float32).transpose(2, 0, 1) / 255
        batch.append(torch.from_numpy((pixels - MEAN) / STD))
    return torch.stack(batch)


def timed(function):
    """Seconds of this process, and what the function returns."""
    before = time.process_time()
    result = function()
    return time.process_time() - before, result


def measure(files, size):
    """Images a second: plain, ours, ours in the workers only; and the median ratios to plain."""
    generator, rows = torch.Generator().manual_seed(0), []
    for turn in range(ROUNDS + 1):
        indices = [(BATCH * turn + i) % len(files.images) for i in range(BATCH)]
        seconds, _ = timed(lambda: plain(files, indices, size))  # noqa: B023
        parts = [torch.tensor(indices)]
        cut, ((crops, _),) = timed(lambda: list(files.batches(parts, torch.device("cpu"), [SEED])))  # noqa: B023
        rest, views = timed(lambda: augment_photographs(crops, generator))  # noqa: B023
        assert views.shape == (BATCH, 3, size, size)  # noqa: S101
        if turn:  # the first warms up
            rows.append((BATCH / seconds, BATCH / (cut + rest), BATCH / cut))
    medians = [statistics.median(column) for column in zip(*rows, strict=True)]
    ratios = [statistics.median(row[i] / row[0] for row in rows) for i in (1, 2)]
    spread = min(row[2] / row[0] for row in rows), max(row[2] / row[0] for row in rows)
    return medians, ratios, spread


def main():
    torch.set_num_threads(1)
    path = locate("imagenet_sample_1000")
    if path is None:
        raise SystemExit("imagenet_sample_1000 is not on this machine: set SEKI_MIRROR")
    machine = f"{platform.machine()}, torch {torch.__version__}, Pillow {Image.__version__}"
    print(f"# Images a second of one core\n\n{machine}, {ROUNDS} alternating rounds of {BATCH} images.\n")
    print("| files | view | plain | ours, what workers do | ratio (range) | ours, all on this core | ratio |")
    print("|---|---|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        for title, side, size in (("128 pixels, as they are", 128, 64), ("enlarged to 500 pixels", 500, 224)):
            names = unpack(path, Path(folder) / str(side), side)
            config = replace(ImageNetConfig(), resolution=size, resize=math.ceil(size * 8 / 7), workers=0)
            files = Photographs(Path(folder) / str(side), names, torch.zeros(len(names), dtype=torch.int64), config)
            (slow, fast, cut), (ratio, of_cut), (low, high) = measure(files, size)
            print(f"| {title} | {size} | {slow:.0f} | {cut:.0f} | {of_cut:.2f} ({low:.2f} to {high:.2f}) | ", end="")
            print(f"{fast:.0f} | {ratio:.2f} |")


def unpack(path, folder, side, n=BATCH * 4):
    """Write the first n images there, enlarged if they are smaller than `side`; returns their names."""
    folder.mkdir()
    with zipfile.ZipFile(path) as archive:
        names = [name for name in archive.namelist() if name.endswith(".JPEG")][:n]
        for i, name in enumerate(names):
            content = archive.read(name)
            image = Image.open(io.BytesIO(content))
            if max(image.size) < side:
                scale = side / max(image.size)
                larger = image.convert("RGB").resize([round(scale * s) for s in image.size], Image.Resampling.BICUBIC)
                buffer = io.BytesIO()
                larger.save(buffer, "JPEG", quality=90)
                content = buffer.getvalue()
            (folder / f"{i}.JPEG").write_bytes(content)
    return [f"{i}.JPEG" for i in range(len(names))]


if __name__ == "__main__":
    main()
