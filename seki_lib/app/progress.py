"""What `seki reproduce` says while the DAG runs: one line each time a job begins or ends, with how many are done.

    [ 3/70 done] begins  searches_nas201_cifar10_local_smollm2_135m_default_seed_8
    [ 4/70 done] ended   searches_nas201_cifar10_local_smollm2_135m_default_seed_8, 41 s; about 9 minutes left

The minutes left come from the estimates of `seki cost`. Each kind of job is scaled by the jobs of this kind that have
ended here. No minutes are printed until some jobs have ended, and their kinds make up most of what is left.
"""

import logging
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path

ENDED = 3  # jobs that must have ended before minutes are said
KNOWN = 0.5  # share of what is left that must belong to kinds of which a job has ended here
ROUGH = 3.0  # the most by which we assume a kind of job to differ from its estimate before one has ended
IN_OTHER_WORDS = ("run_info", "job_finished", "progress", "resources_info")  # Snakemake's own lines on jobs
SAY = partial(print, flush=True)
LAST_LINES = 12  # of the log of a job that failed elsewhere


@dataclass
class Estimate:
    """Seconds that are left, from the jobs that have ended. expected: name of a job -> its kind and seconds."""

    expected: Mapping[str, tuple[str, float]]
    ended: dict[str, float] = field(default_factory=dict)  # name -> seconds that it took

    def left(self, waiting: set[str], running: Mapping[str, float], elapsed: float) -> float | None:
        """Seconds that are left, or None while too little is known. running: name -> seconds so far; elapsed: of all.

        It assumes that as many jobs run at once until the end as have run at once so far.
        """
        known, rough = self._factors()
        total, told, longest = 0.0, 0.0, 0.0
        for name in [*waiting, *running]:
            kind, seconds = self.expected.get(name, ("", 0.0))
            left = max(0.0, seconds * known.get(kind, rough) - running.get(name, 0.0))
            total += left
            told += left if kind in known else 0.0
            longest = max(longest, left)
        if len(self.ended) < ENDED or min(elapsed, total) <= 0 or told < KNOWN * total:
            return None
        at_once = max(1.0, (sum(self.ended.values()) + sum(running.values())) / elapsed)
        return max(longest, total / at_once)

    def _factors(self) -> tuple[dict[str, float], float]:
        """Kind -> how much longer its jobs took than was expected; and the same of all kinds together."""
        took: dict[str, float] = {}
        wanted: dict[str, float] = {}
        for name, seconds in self.ended.items():
            kind, expected = self.expected.get(name, ("", 0.0))
            took[kind] = took.get(kind, 0.0) + seconds
            wanted[kind] = wanted.get(kind, 0.0) + expected
        rough = sum(took.values()) / sum(wanted.values()) if sum(wanted.values()) else 1.0
        rough = min(max(rough, 1 / ROUGH), ROUGH)
        return {kind: took[kind] / seconds for kind, seconds in wanted.items() if seconds}, rough


class Progress(logging.Handler):
    """Reads Snakemake's events and says a line for each job that begins, ends or fails.

    expected: name of a job -> its kind and seconds; computed when the DAG begins, since it takes seconds.
    remote: jobs run on a cluster, whose output is not on this screen: a failed one's last lines are shown.
    """

    def __init__(
        self,
        expected: Callable[[], Mapping[str, tuple[str, float]]],
        remote: bool = False,
        say: Callable[[str], None] = SAY,
        clock: Callable[[], float] = time.monotonic,
    ):
        super().__init__()
        self.expected, self.remote, self.say, self.clock = expected, remote, say, clock
        self.total, self.done, self.start = 0, 0, 0.0
        self.estimate = Estimate({})
        self.waiting: set[str] = set()
        self.began: dict[str, float] = {}  # of those that run
        self.names: dict[int, str] = {}  # Snakemake's number of a job -> its rule

    def emit(self, record: logging.LogRecord) -> None:
        """Take one of Snakemake's events, and skip other log records. Never raises, so that the DAG goes on."""
        with suppress(Exception):
            event, said = str(record.__dict__.get("event")), record.__dict__
            if event == "run_info":
                self._begin(said["stats"])
            elif self.total and event == "job_info":
                self._started(said["jobid"], said["rule_name"])
            elif self.total and event == "job_finished":
                self._ended(said["job_id"])
            elif self.total and event == "job_error":
                self._failed(said["rule_name"], said["log"])

    def follow(self, logger: logging.Logger) -> None:
        """Read this logger's records, and stop its other handlers from printing the same."""
        for handler in logger.handlers:
            handler.addFilter(lambda record: str(record.__dict__.get("event")) not in IN_OTHER_WORDS)
        logger.addHandler(self)

    def _begin(self, stats: Mapping[str, int]) -> None:
        self.waiting = set(stats) - {"total", "all"}
        self.total, self.start = len(self.waiting), self.clock()
        with suppress(Exception):  # on an error no minutes are printed
            self.estimate = Estimate(self.expected())

    def _line(self, words: str) -> None:
        width = len(str(self.total))
        self.say(f"[{self.done:{width}}/{self.total} done] {words}{self._minutes()}")

    def _minutes(self) -> str:
        now = self.clock()
        running = {name: now - began for name, began in self.began.items()}
        left = self.estimate.left(self.waiting, running, now - self.start)
        if left is None or self.done == self.total:
            return ""
        minutes = max(1, round(left / 60))
        return f"; about {minutes} minutes left" if minutes > 1 else "; about a minute left"

    def _started(self, number: int, name: str) -> None:
        if name in self.waiting:
            self.names[number] = name
            self.waiting.discard(name)
            self.began[name] = self.clock()
            self._line(f"{'queued ' if self.remote else 'begins '} {name}")

    def _ended(self, number: int) -> None:
        if (name := self.names.get(number)) and name in self.began:
            took = self.clock() - self.began.pop(name)
            self.estimate.ended[name] = took
            self.done += 1
            self._line(f"ended   {name}, {took:.0f} s")

    def _failed(self, name: str, logs: list[str]) -> None:
        if self.began.pop(name, None) is not None:
            self.waiting.add(name)  # it may be tried again
        self.say(f"[{self.done}/{self.total} done] FAILED  {name}{', see ' + ', '.join(logs) if logs else ''}")
        there = [Path(log) for log in logs if Path(log).is_file()]
        if self.remote and there:
            lines = there[0].read_text(errors="replace").splitlines()
            self.say("\n".join(f"    {line}" for line in lines[-LAST_LINES:]))
