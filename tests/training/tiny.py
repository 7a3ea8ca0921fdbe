"""A training of a few steps, and what it leaves behind."""

import json

import torch

from seki_lib.training.classifier import train_classifier
from seki_lib.training.protocol import ClassifierConfig, named_architecture

TINY = ClassifierConfig(channels=2, layers=3, epochs=3, batch=20, train_images=50, test_images=30, threads=1)
ARCH = named_architecture("PC_DARTS")[1]


def train(digits, folder, config=TINY, seed=0, **options):
    lines = []
    result = train_classifier("darts", ARCH, digits, config, folder, seed=seed, say=lines.append, **options)
    return result, lines


def weights(folder):
    return torch.load(folder / "checkpoint.pt", weights_only=True)["parts"]["network"]


def metrics(folder):
    lines = [json.loads(line) for line in (folder / "metrics.jsonl").read_text().splitlines()]
    return [{k: v for k, v in line.items() if k not in ("seconds", "images_per_second")} for line in lines]


def same_bits(a, b):
    return a.keys() == b.keys() and all(torch.equal(a[name], b[name]) for name in a)
