"""Run one search on disk with the fake LLM, and die while the n-th line is written: before, in the middle, or after.

python killable_search.py RESULTS WRITES_UNTIL_DEATH SHARE_OF_THE_LINE_WRITTEN
"""

import os
import signal
import sys
from pathlib import Path

from fakes import FakeLLM

import seki_lib.llm.transcript as transcript
import seki_lib.runs as runs
import seki_lib.search.repository as repository
from seki_lib.files.jsonl import append_line
from seki_lib.profiles import Profile

results, left, share = Path(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])


def append_or_die(path, record):
    global left
    left -= 1
    if left == 0:
        before = path.stat().st_size if path.exists() else 0
        append_line(path, record)
        with path.open("r+b") as file:
            file.truncate(before + round(share * (path.stat().st_size - before)))
        os.kill(os.getpid(), signal.SIGKILL)
    append_line(path, record)


transcript.append_line = repository.append_line = append_or_die
runs.get_llm = lambda name: FakeLLM(unreadable=3)  # repairs must resume as well
PROFILE = Profile("test", rounds=20, lam=12, k=6, xi=3)
runs.search_run(runs.RunSpec("nas201", "cifar10", "fake:llm", "test", 0), PROFILE, results)
