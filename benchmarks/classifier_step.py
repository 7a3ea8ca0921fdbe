"""A training step of the final network: DARTS_V2, 36 channels, 20 cells, auxiliary head, CIFAR images.

    OMP_NUM_THREADS=1 python benchmarks/classifier_step.py            # CPU, one thread, fp32, about 6 minutes
    python benchmarks/classifier_step.py --device cuda                # GPU: one epoch, eager fp32 against bf16

Variants are timed in turn, step by step, so that what else the machine does hits all of them: the speed is the median
of the ratios of neighbours in time.
"plain" is the same network as public code runs it: NCHW, one ReLU in front of every operation, unfused SGD.
The last run, with its hardware, is kept in benchmarks/results/classifier_step.md (GPU: classifier_step_cuda.md), and
a GPU's images/s in throughput.csv, which `seki cost` reads.
"""

import argparse
import csv
import platform
import re
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode

from seki_lib.app.cost import cards
from seki_lib.datasets.augment import augment
from seki_lib.nn import build_network, count
from seki_lib.spaces.darts import PUBLIC_GENOTYPES

RESULTS = Path(__file__).parent / "results"
COUNT = count("darts", PUBLIC_GENOTYPES["DARTS_V2"], channels=36, layers=20, classes=10)
KEPT = {"ours, eager fp32": "fp32", "ours, bf16": "bf16"}  # what `seki train` runs -> precision
VARIANTS = {  # name -> (channels_last, one ReLU a state, fused SGD)
    "plain": (False, False, False),
    "shared ReLU": (False, True, True),
    "channels_last": (True, False, True),
    "ours": (True, True, True),
}


def with_a_relu_each(network):
    """The same network with one ReLU in front of every operation that wants one, as public code has it."""
    network.relu = nn.Identity()
    for cell in network.cells:
        cell.preprocess0 = nn.Sequential(nn.ReLU(), cell.preprocess0)
        cell.preprocess1 = nn.Sequential(nn.ReLU(), cell.preprocess1)
        for i, wants in enumerate(cell.rectified):
            if wants:
                cell.operations[i] = nn.Sequential(nn.ReLU(), cell.operations[i])
        cell.rectified = [False] * len(cell.rectified)
    network.auxiliary.insert(0, nn.ReLU())
    return network


def setup(variant, device="cpu"):
    """A function that does one training step on a batch (images: normalised, labels)."""
    channels_last, shared, fused = VARIANTS[variant]
    torch.manual_seed(0)
    network = build_network("darts", PUBLIC_GENOTYPES["DARTS_V2"], channels=36, layers=20, classes=10, auxiliary=True)
    network = network if shared else with_a_relu_each(network)
    memory_format = torch.channels_last if channels_last else torch.contiguous_format
    network = network.to(device, memory_format=memory_format)
    optimizer = torch.optim.SGD(network.parameters(), 0.025, momentum=0.9, weight_decay=3e-4, fused=fused)

    def step(images, labels):
        optimizer.zero_grad(set_to_none=True)
        logits, auxiliary = network(images.contiguous(memory_format=memory_format))
        loss = nn.functional.cross_entropy(logits, labels) + 0.4 * nn.functional.cross_entropy(auxiliary, labels)
        loss.backward()
        nn.utils.clip_grad_norm_(network.parameters(), 5.0)
        optimizer.step()
        return loss

    return step


def batch(size, device="cpu"):
    generator = torch.Generator(device).manual_seed(0)
    images = torch.randint(256, (size, 3, 32, 32), dtype=torch.uint8, generator=generator, device=device)
    return images, torch.randint(10, (size,), generator=generator, device=device)


def timed(function, *arguments):
    """Seconds of this one thread: what other processes do counts less than by the clock."""
    started = time.thread_time()
    function(*arguments)
    return time.thread_time() - started


def peak_memory_mb():
    """Most memory that this process ever held. `getrusage` would count the parent's too."""
    status = Path("/proc/self/status")
    if status.exists():
        return int(re.search(r"VmHWM:\s+(\d+) kB", status.read_text())[1]) / 1000
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def cpu(size, repeats):
    """Rows of the CPU table, and the share of augmentation in a step on 96 images."""
    images, labels = batch(size)
    generator = torch.Generator().manual_seed(0)
    views = augment(images, generator, cutout=16)
    steps = {name: setup(name) for name in VARIANTS}
    losses = {name: float(step(views, labels).detach()) for name, step in steps.items()}  # also warms up
    spread = max(losses.values()) - min(losses.values())
    if spread > 1e-3:
        sys.exit(f"the variants are not the same network: {losses}")
    seconds = {name: [] for name in steps}
    for _ in range(repeats):
        for name, step in steps.items():
            seconds[name].append(timed(step, views, labels))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    lines = [f"## CPU, one thread, fp32, batch {size}, {repeats} interleaved repeats", ""]
    lines += ["| variant | seconds a step | speed (range) | peak memory of the process, MB |", "|---|---|---|---|"]
    for name in VARIANTS:
        command = [sys.executable, __file__, "--memory", name, "--batch", str(size)]
        ratios = [plain / own for plain, own in zip(seconds["plain"], seconds[name], strict=True)]
        peak = subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
        lines.append(
            f"| {name} | {median[name]:.2f} | {statistics.median(ratios):.2f} ({min(ratios):.2f} to {max(ratios):.2f}) "
            f"| {peak} |"
        )
    images, labels = batch(96)
    augmentations = [timed(lambda: augment(images, generator, cutout=16)) for _ in range(20)]
    views = augment(images, generator, cutout=16)
    steps["ours"](views, labels)  # the first step of this size also fetches its memory
    step = timed(steps["ours"], views, labels)
    share = statistics.median(augmentations) / step
    lines += ["", f"Augmenting 96 images: {1000 * statistics.median(augmentations):.1f} ms, {100 * share:.3f} % of a "
              f"training step on them ({step:.1f} s)."]  # fmt: skip
    return lines + operators()


class Operators(TorchDispatchMode):
    """Counts the operators that run in its `with`; those that only look at a tensor in another way are left out."""

    def __init__(self):
        super().__init__()
        self.count = 0

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        self.count += not function.is_view
        return function(*args, **(kwargs or {}))


def operators():
    """How many operators augmentation and a step take: their ratio is the share where launches bind, as on a GPU."""
    images, labels = batch(4)
    step = setup("ours")
    with Operators() as augmenting:
        views = augment(images, torch.Generator(), cutout=16)
    step(views, labels)
    with Operators() as training:
        step(views, labels)
    share = 100 * augmenting.count / training.count
    words = (
        f"Operators: {augmenting.count} to augment, {training.count} in a step, {share:.1f} %. Where launches bound an "
    )
    return ["", words + "eager step, as on a GPU, that is about augmentation's share; it was counted on a CPU."]


def keep_rate(kind, precision, rate, multiply_adds, source):
    """Put what this GPU was measured to do into throughput.csv, in place of an older row of the same."""
    device = "".join(letter for letter in torch.cuda.get_device_name().lower() if letter.isalnum())
    card = next((name for name in cards() if name in device), device)
    path = RESULTS / "throughput.csv"
    with path.open(newline="", encoding="utf-8") as file:
        head, *rows = csv.reader(file)
    rows = [row for row in rows if row[:3] != [kind, card, precision]]
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerows([head, *rows, [kind, card, precision, f"{rate:.1f}", multiply_adds, source]])


def gpu(steps):
    """Rows of the GPU table: an epoch of 521 steps, extrapolated from `steps` of them."""
    images, labels = batch(96, "cuda")
    generator = torch.Generator("cuda").manual_seed(0)
    lines = [f"## {torch.cuda.get_device_name()}, batch 96, {steps} steps after warm-up", ""]
    lines += ["| variant | ms a step | images/s | speed | peak memory, MB | 600 epochs, extrapolated, h |",
              "|---|---|---|---|---|---|"]  # fmt: skip
    reference = None
    for name, variant, mode in (
        ("plain, eager fp32", "plain", None),
        ("ours, eager fp32", "ours", None),
        ("ours, bf16", "ours", ""),
        ("ours, bf16, CUDA graphs", "ours", "reduce-overhead"),
    ):
        torch.cuda.reset_peak_memory_stats()
        network_step = setup(variant, "cuda")
        if mode:
            network_step = torch.compile(network_step, mode=mode)

        def step(network_step=network_step, bf16=mode is not None):
            with torch.autocast("cuda", torch.bfloat16, enabled=bf16):
                network_step(augment(images, generator, cutout=16), labels)

        for _ in range(10):
            step()
        torch.cuda.synchronize()
        started = time.perf_counter()
        for _ in range(steps):
            step()
        torch.cuda.synchronize()
        each = (time.perf_counter() - started) / steps
        reference = reference or each
        if name in KEPT:
            keep_rate("classifier", KEPT[name], 96 / each, COUNT.multiply_adds, f"classifier_step_cuda.md: {name}")
        peak = torch.cuda.max_memory_allocated() / 1e6
        lines.append(f"| {name} | {1000 * each:.1f} | {96 / each:,.0f} | {reference / each:.2f} | {peak:,.0f} | "
                     f"{each * 521 * 600 / 3600:.1f} |")  # fmt: skip
    torch.cuda.synchronize()
    started = time.perf_counter()
    for _ in range(steps):
        augment(images, generator, cutout=16)
    torch.cuda.synchronize()
    alone = (time.perf_counter() - started) / steps
    shares = f"{100 * alone / reference:.1f} % of a plain eager step, {100 * alone / each:.1f} % of one of the last row"
    return [*lines, "", f"Augmenting 96 images: {1000 * alone:.2f} ms, {shares}."]


def processor():
    """The model of the processor, where the system tells it."""
    info = Path("/proc/cpuinfo")
    names = re.findall(r"model name\s*:\s*(.*)", info.read_text()) if info.exists() else []
    return f"{names[0] if names else platform.machine()} ({len(names) or '?'} logical cores)"


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--device", default="cpu", choices=["cpu", "cuda"])
    parser.add_argument("--batch", type=int, default=8)
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--memory", choices=VARIANTS, help="print the peak memory of one step of this variant, in MB")
    options = parser.parse_args()
    if options.device == "cpu":
        torch.set_num_threads(1)
    if options.memory:
        images, labels = batch(options.batch)
        setup(options.memory)(augment(images, torch.Generator(), cutout=16), labels)
        print(round(peak_memory_mb()))
        return
    lines = cpu(options.batch, options.repeats) if options.device == "cpu" else gpu(200)
    head = f"{processor()}, torch {torch.__version__}, `{' '.join(sys.argv)}`"
    text = "\n".join(["# A training step of DARTS_V2, C36 L20", "", head, "", *lines, ""])
    print(text)
    path = RESULTS / ("classifier_step.md" if options.device == "cpu" else "classifier_step_cuda.md")
    path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
