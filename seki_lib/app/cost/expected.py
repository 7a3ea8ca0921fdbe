"""Estimate how many seconds each job of the DAG takes. From these come the minutes left that `seki reproduce` prints.

Only the proportions count: `progress` scales each kind of job by the jobs of this kind that have ended.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from ...files.checkout import ROOT
from ...files.errors import SekiError
from ...files.jsonl import read_json
from ...paper import Edition, Need, Report
from ...results import Home
from .rates import asking, speed
from .work import PricedJob, jobs

CARDS = {"smoke": "cpu", "laptop": "cpu"}  # profile -> what computes
CARD = "a100"  # in the others
START, SUBMITTED = 5.0, 60.0  # seconds until a job does its work, and on a cluster until its end is noticed too
ANSWER = 10.0  # seconds of a call to an LLM, if no finished search measured it
NOTEBOOK = 15.0  # seconds of a notebook that results/reference does not keep


def expected_seconds(
    edition: Edition, results: Path, needs: Mapping[str, Need], reports: Mapping[str, Report], remote: bool = False
) -> dict[str, tuple[str, float]]:
    """Name of a job -> its kind, and how many seconds of it are left. needs, reports: by their names in the DAG.

    remote: whether jobs are submitted to a cluster.
    """
    start = SUBMITTED if remote else START
    priced = {job.need: job for job in jobs(edition, results)}
    found = {}
    for name, need in needs.items():
        job = _own_rounds(need, priced, edition)
        found[name] = (need.code(), start + (_seconds(job, edition, results) if job else 0.0))
    for name, report in reports.items():
        found[name] = ("notebook", start + _of_notebook(report))
    return found


def _own_rounds(need: Need, priced: Mapping[Need, PricedJob], edition: Edition) -> PricedJob | None:
    """The job of a need. Where another need runs the first rounds of a search, each has the rounds that it runs."""
    if need.until is not None:  # `seki cost` prices a search once
        whole = next((job for other, job in priced.items() if need in other.after(edition)), None)
        first = min(need.until, whole.rounds[0]) if whole else 0
        return replace(whole, rounds=(first, 0), times=first) if whole else None
    job = priced.get(need)
    first = max((other.until or 0 for other in need.after(edition) if _begins(other, need)), default=0)
    if not job or not first:
        return job
    evolve, inspire = max(0, job.rounds[0] - first), job.rounds[1]
    return replace(job, rounds=(evolve, inspire), times=evolve + inspire)


def _begins(other: Need, need: Need) -> bool:
    """Whether a need runs the first rounds of this search, and not only of one that it is forked from."""
    return other.until is not None and other.setting == need.setting


def _seconds(job: PricedJob, edition: Edition, results: Path) -> float:
    home, took = Home(results, edition.name), 0.0
    if job.kind:
        took += job.operations / speed(CARDS.get(edition.name, CARD), job.kind, "fp32", home).per_second
    if any(job.rounds):
        try:
            _, answers = asking(edition.llm, job.need.space, home).of(job.rounds)
        except SekiError:
            answers = math.nan
        took += (2 * job.rounds[0] + job.rounds[1]) * ANSWER if math.isnan(answers) else answers
    return took


def _of_notebook(report: Report) -> float:
    kept = ROOT / "results" / "reference" / "notebooks" / f"{report.notebook}.ipynb"
    if not kept.is_file():
        return NOTEBOOK
    return float(read_json(kept)["metadata"].get("papermill", {}).get("duration") or NOTEBOOK)
