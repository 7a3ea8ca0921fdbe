"""A search by a fake LLM that a logger shows: `python logged_search.py RESULTS LOGGER ROUNDS`, in a process of its own.

It stops after so many rounds, so that a second call goes on with it.
"""

import sys
from pathlib import Path

from fakes import FakeLLM

from seki_lib import runs
from seki_lib.loggers import Log
from seki_lib.profiles import Profile
from seki_lib.runs import RunSpec, search_run

PROFILE = Profile("test", rounds=6, lam=4, k=3, xi=2)
SPEC = RunSpec("nas201", "cifar10", "fake:llm", "test", 0)

if __name__ == "__main__":
    results, logger, until = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
    runs.get_llm = lambda name: FakeLLM()
    with Log([logger], SPEC.folder(results)) as log:
        search_run(SPEC, PROFILE, results, until=until, on_step=log.step)
