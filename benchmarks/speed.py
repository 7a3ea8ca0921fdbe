"""What costs what: table load, query, baselines, import, one search of the embedded LLM.

    SEKI_MIRROR=... .venv/bin/python benchmarks/speed.py [--search]

Prints one line per claim with its bound. Numbers of one machine, kept in benchmarks/results/speed.md.
"""

import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from seki_lib import get_evaluator, get_profile, get_space
from seki_lib.evaluators import trans101_table
from seki_lib.evaluators.nas201_table import load
from seki_lib.runs import RunSpec, search_run
from seki_lib.search.baselines import BASELINES, run_baseline


def seconds(function, repeats=5):
    """Median seconds of a call."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def line(what, value, unit, bound):
    print(f"{what:58s} {value:9.3f} {unit:4s} (bound {bound})")


def main():
    space, evaluator = get_space("nas201"), get_evaluator("tabular", space="nas201", task="cifar10")
    print(f"data: {evaluator.source.sentence}; {sys.version.split()[0]}")
    imported = "import time; t = time.perf_counter(); import seki_lib; print(time.perf_counter() - t)"
    imports = [float(subprocess.check_output([sys.executable, "-c", imported])) for _ in range(5)]
    line("import seki_lib", statistics.median(imports), "s", 0.3)
    line("load the table of 15,625 cells", seconds(load), "s", 0.1)
    rng = random.Random(0)
    cells = [space.random(rng) for _ in range(20_000)]
    line("one query", seconds(lambda: [evaluator(cell) for cell in cells]) / len(cells) * 1e6, "us", 2)

    def baselines():
        for name in BASELINES:
            for seed in range(2000):
                run_baseline(name, space, evaluator, evaluations=51, seed=seed)

    line("2,000 seeds x 3 baselines x 51 evaluations", seconds(baselines, 1), "s", 10)
    other, tasks = get_space("trans101"), trans101_table.TASKS
    line("load the table of 4,096 cells, seven tasks", seconds(trans101_table.load), "s", 0.1)
    evaluators = [get_evaluator("tabular", space="trans101", task=task) for task in tasks]
    cells = [other.random(rng) for _ in range(20_000)]
    line("one query", seconds(lambda: [evaluators[0](cell) for cell in cells]) / len(cells) * 1e6, "us", 2)

    def seven_tasks():
        for name in BASELINES:
            for each in evaluators:
                for seed in range(2000):
                    run_baseline(name, other, each, evaluations=51, seed=seed)

    line("2,000 seeds x 3 baselines x 7 tasks x 51 evaluations", seconds(seven_tasks, 1), "s", 30)
    if "--search" in sys.argv:
        with tempfile.TemporaryDirectory() as folder:
            spec = RunSpec("nas201", "cifar10", "local:smollm2-135m", "laptop", 0)
            line(
                "one 50-round search, one thread",
                seconds(lambda: search_run(spec, get_profile("laptop"), Path(folder)), 1), "s", 120,
            )  # fmt: skip
            replay = RunSpec("nas201", "cifar10", f"replay:{spec.folder(Path(folder))}", "laptop", 0)
            line(
                "its replay",
                seconds(lambda: search_run(replay, get_profile("laptop"), Path(folder)), 1), "s", 1,
            )  # fmt: skip
    line("peak memory of this process", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20, "GB", 2)


if __name__ == "__main__":
    main()
