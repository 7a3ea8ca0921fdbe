"""Training steps of the three kinds of supernet, 16 channels, 8 cells, CIFAR images, and what a query of f(α) takes.

    OMP_NUM_THREADS=1 python benchmarks/supernet.py      # CPU, one thread, fp32, 4 minutes; wants the laptop supernet

The kinds are timed in turn, step by step, in processor time of the one thread; the speed is the median of
the ratios of neighbours in time. "NCHW" is the layout of public code; ours is channels_last. The last run, with its
hardware, is kept in benchmarks/results/supernet.md.
"""

import argparse
import statistics
from pathlib import Path
from random import Random

import torch
from classifier_step import processor, timed
from torch import nn

from seki_lib.evaluators import get_evaluator
from seki_lib.files.errors import RunError
from seki_lib.nn import build_supernet
from seki_lib.spaces import get_space

VARIANTS = {  # name -> (kind, channels_last)
    "darts, NCHW": ("darts", False),
    "darts": ("darts", True),
    "pc_darts, NCHW": ("pc_darts", False),
    "pc_darts": ("pc_darts", True),
    "single_path, NCHW": ("single_path", False),
    "single_path (ours)": ("single_path", True),
}


def setup(variant, batch):
    """A function that does one training step of the weights; α is not moved."""
    kind, channels_last = VARIANTS[variant]
    torch.manual_seed(0)
    network = build_supernet("darts", channels=16, layers=8, classes=10, kind=kind)
    images, labels = torch.randn(batch, 3, 32, 32), torch.randint(10, (batch,))
    if channels_last:
        network = network.to(memory_format=torch.channels_last)
        images = images.contiguous(memory_format=torch.channels_last)
    optimizer = torch.optim.SGD(network.parameters(), 0.1, momentum=0.9, weight_decay=3e-4)

    def step(repeat):
        arch = get_space("darts").random(Random(repeat)) if kind == "single_path" else None
        optimizer.zero_grad(set_to_none=True)
        nn.functional.cross_entropy(network(images, arch), labels).backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()

    return step


def main():
    """Time and print a Markdown table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--results", type=Path, default=Path("results"))
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    steps = {name: setup(name, arguments.batch) for name in VARIANTS}
    for step in steps.values():
        step(0)
    times = {name: [] for name in VARIANTS}
    for repeat in range(1, arguments.repeats + 1):
        for name, step in steps.items():
            times[name].append(timed(step, repeat))
    print("# Steps of supernets, C16 L8\n")
    print(f"{processor()}, torch {torch.__version__}, `benchmarks/supernet.py --repeats {arguments.repeats}`\n")
    print(f"CPU, one thread, fp32, batch {arguments.batch}, {arguments.repeats} interleaved repeats; median (range)\n")
    print("| supernet | images/s | single_path (ours) is so many times as fast |\n|---|---|---|")
    ours = times["single_path (ours)"]
    for name, seconds in times.items():
        ratios = sorted(theirs / mine for theirs, mine in zip(seconds, ours, strict=True))
        speed = arguments.batch / statistics.median(seconds)
        print(f"| {name} | {speed:.1f} | {statistics.median(ratios):.1f} ({ratios[0]:.1f} to {ratios[-1]:.1f}) |")
    try:
        evaluator = get_evaluator("oneshot", space="darts", task="cifar10", profile="laptop", results=arguments.results)
    except RunError as error:
        print(f"\nf(α) was not timed: {error}")
        return
    cells = [get_space("darts").random(Random(f"query/{i}")) for i in range(21)]
    evaluator(cells[0])  # the first query also fetches its memory
    first, again = ([timed(evaluator, cell) for cell in cells[1:]] for _ in range(2))
    print(f"\nA query of f(α) in the laptop profile: {1000 * statistics.median(first):.0f} ms (largest "
          f"{1000 * max(first):.0f}), the second one of the same cell {1000 * max(again):.2f} ms.")  # fmt: skip


if __name__ == "__main__":
    main()
