"""What makes a small supernet order cells better for its minutes? Tries changes one at a time, and measures τ.

    OMP_NUM_THREADS=1 python benchmarks/supernet_tries.py nas201 --tries base,canonical --seeds 0,1,2

One line of CSV for each try, supernet seed and reading of f goes to the file of --out; a line that is there is not made
again. τ is Kendall's with the truth: NAS-Bench-201's CIFAR-10 test accuracies, and the known cells of NAS-Bench-301.
CPU seconds are processor time of one thread. The table of what was tried is benchmarks/results/supernet_tries.md.
"""

import argparse
import csv
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from random import Random

import torch
from torch import nn
from torch.nn.modules.batchnorm import _BatchNorm

from seki_lib.datasets.augment import normalise
from seki_lib.evaluators.agreement import agreement, in_best_fifth
from seki_lib.report.trust import known_accuracies
from seki_lib.spaces import get_space
from seki_lib.training.image_training import ImageTraining
from seki_lib.training.loop import Job, train
from seki_lib.training.protocol import SUPERNETS
from seki_lib.training.search_images import search_images
from seki_lib.training.supernet import SupernetTraining, judged

CELLS = 260  # of known accuracy
IMAGES = 512  # that f is read from


class Try(SupernetTraining):
    """A supernet's training with some changes."""

    changes: frozenset[str] = frozenset()

    def __init__(self, job):
        super().__init__(job)
        if "no-affine" in self.changes:  # of stem, residual blocks and last batch normalisation
            for norm in self.network.modules():
                if isinstance(norm, _BatchNorm) and norm.affine:
                    norm.weight.requires_grad_(False)
                    norm.bias.requires_grad_(False)
        if "plain-images" in self.changes:
            self.images.views = lambda images, generator, place: normalise(images, *self.images.statistics)

    def train_step(self):
        """One batch through one cell, or through all of a fair step, whose gradients are averaged."""
        images, labels = next(self.batches)
        cells = self.cells()
        self.optimizer.zero_grad(set_to_none=True)
        for cell in cells:
            logits, loss = self._loss(images, labels, self.whole, cell)
            (loss / len(cells)).backward()
        nn.utils.clip_grad_norm_(self.network.parameters(), self.config.clip)
        self.optimizer.step()
        self.sums[0] += loss.detach() * len(labels)
        self.sums[1] += (logits.detach().argmax(1) != labels).sum()

    def cells(self):
        """The cells of this step."""
        rng = Random(self.seed_of(f"path/{self.step}"))
        if "fair" in self.changes:  # every operation of every edge once a step (FairNAS)
            return fair(self.space, rng)
        cell = self.space.random(rng)
        if "canonical" in self.changes:
            cell = self.space.canonical(cell)
        if "connected" in self.changes:  # and nothing that is cut off
            while set(self.space.signature(cell.edges).split("+")) == {"#"}:
                cell = self.space.canonical(self.space.random(rng))
        return [cell]


def fair(space, rng):
    """Cells of a six-edge space in which every operation stands on every edge once."""
    names = list(space.architecture.operations)
    columns = [rng.sample(names, len(names)) for _ in range(6)]
    return [space.architecture(tuple(column[i] for column in columns)) for i in range(len(names))]


LAPTOP = SUPERNETS["laptop"]
BASE = {  # what the kit trained before: the settings that each try differs from
    "darts": LAPTOP["darts"],
    "nas201": replace(LAPTOP["nas201"], epochs=4, resolution=16),
}
CANONICAL = ("canonical",)
TRIES = {  # name -> (settings, changes)
    "base": ({}, ()),
    "canonical": ({}, CANONICAL),
    "12 epochs raw": ({"epochs": 12}, ()),
    "12 epochs": ({"epochs": 12}, CANONICAL),
    "plain images": ({"epochs": 12}, (*CANONICAL, "plain-images")),
    "no affine": ({"epochs": 12}, (*CANONICAL, "no-affine")),
    "connected": ({"epochs": 12}, (*CANONICAL, "connected")),
    "fair": ({"epochs": 3}, ("fair",)),
    "batch 32": ({"epochs": 8, "batch": 32}, CANONICAL),
    "batch 128": ({"epochs": 16, "batch": 128, "lr": 0.1}, CANONICAL),
    "8 pixels": ({"epochs": 30, "resolution": 8}, CANONICAL),
    "8 pixels 12 epochs": ({"epochs": 12, "resolution": 8}, CANONICAL),
    "8 pixels 60 epochs": ({"epochs": 60, "resolution": 8}, CANONICAL),
    "8 pixels raw": ({"epochs": 30, "resolution": 8}, ()),
    "8 pixels lr .1": ({"epochs": 30, "resolution": 8, "lr": 0.1}, CANONICAL),
    "8 pixels 16 channels": ({"epochs": 15, "resolution": 8, "channels": 16}, CANONICAL),
    "16 channels": ({"epochs": 6, "channels": 16}, CANONICAL),
    "4 channels": ({"epochs": 20, "channels": 4}, CANONICAL),
    "2 cells a stage": ({"epochs": 7, "layers": 2}, CANONICAL),
    "lr .2": ({"epochs": 12, "lr": 0.2}, CANONICAL),
    "lr .0125": ({"epochs": 12, "lr": 0.0125}, CANONICAL),
    "40 epochs": ({"epochs": 40}, CANONICAL),
    "40 epochs at lr .1": ({"epochs": 40, "lr": 0.1}, CANONICAL),
}


def readings(network, images, arch, config):
    """(IMAGES,) of each statistics of batch normalisation: which images are right, and the loss of each."""
    found = {}
    for bn in ("batch", "accumulated"):
        right, losses = [], []
        with torch.no_grad(), judged(network, own_statistics=bn == "batch"):
            for pixels, labels in images.batches(torch.split(torch.arange(len(images.labels)), 512), "cpu"):
                inputs = ImageTraining.laid_out(normalise(pixels, *search_images(config).statistics))
                logits = network(inputs, arch)
                right.append((logits.argmax(1) == labels).float())
                losses.append(nn.functional.cross_entropy(logits, labels, reduction="none"))
        found[bn] = torch.cat(right), torch.cat(losses)
    return found


def one_try(space, name, seed):
    """Rows of one training: reading, images, τ and its interval, τ in the best fifth, seconds."""
    settings, changes = TRIES[name]
    config = replace(BASE[space], **settings)
    images = search_images(config)
    data = images.load("cifar10")
    started = time.process_time()
    with tempfile.TemporaryDirectory() as folder:
        made = {}

        class Kept(Try):
            def __init__(self, job):
                super().__init__(job)
                made["network"] = self.network

        Kept.changes = frozenset(changes)
        code = ("training.supernet", f"spaces.{space}")
        job = Job(Path(folder), {"supernet": space}, data, config, code, seed=seed, say=lambda line: None)
        train(job, Kept)
    seconds = time.process_time() - started
    network, home = made["network"], get_space(space)
    held = images.split(data).held_out
    held = held.chosen(torch.arange(min(IMAGES, len(held.labels))))
    cells, truth, _ = known_accuracies(space, CELLS)
    per_cell = [readings(network, held, home.canonical(cell), config) for cell in cells]
    for bn in ("batch", "accumulated"):
        right = torch.stack([found[bn][0].mean() for found in per_cell]).double().numpy()
        loss = torch.stack([found[bn][1].mean() for found in per_cell]).double().numpy()
        for reading, scores in (("accuracy", right), ("-loss", -loss)):
            whole, best = agreement(scores, truth), in_best_fifth(scores, truth)
            yield {
                "space": space, "try": name, "settings": " ".join(f"{k}={v}" for k, v in settings.items()),
                "changes": " ".join(changes), "seed": seed, "cpu_seconds": round(seconds), "bn": bn,
                "reading": reading, "tau": round(whole.tau, 3), "low": round(whole.low, 3),
                "high": round(whole.high, 3), "tau_best_fifth": round(best.tau, 3),
                "mean_accuracy": round(100 * float(right.mean()), 2),
            }  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("space", choices=["nas201", "darts"])
    parser.add_argument("--tries", default=",".join(TRIES))
    parser.add_argument("--seeds", default="0")
    parser.add_argument("--out", type=Path, default=Path("benchmarks/results/supernet_tries.csv"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    known = []
    if arguments.out.is_file():
        with arguments.out.open() as file:
            known = [(row["space"], row["try"], row["seed"]) for row in csv.DictReader(file)]
    for seed in arguments.seeds.split(","):
        for name in arguments.tries.split(","):
            if (arguments.space, name, seed) in known:
                continue
            rows = list(one_try(arguments.space, name, int(seed)))
            new = not arguments.out.is_file()
            with arguments.out.open("a", newline="") as file:
                writer = csv.DictWriter(file, list(rows[0]), lineterminator="\n")
                if new:
                    writer.writeheader()
                writer.writerows(rows)
            for row in rows:
                print(", ".join(f"{key} {value}" for key, value in row.items()), flush=True)


if __name__ == "__main__":
    main()
