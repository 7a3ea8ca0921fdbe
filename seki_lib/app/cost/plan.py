"""The plan: GPU-hours, tokens, LLM-hours and dollars, table by table and in total."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import pandas as pd

from ...files.checkout import RESULTS
from ...files.errors import SettingError, look_up
from ...llm.prices import Price, as_of, price_of
from ...paper import Edition, Search, Supernet, Training
from ...profiles import get_profile
from ...results import Home
from ...training.protocol import IMAGENET, get_protocol
from .rates import Asking, asking, cards, speed
from .work import PricedJob, jobs, table_numbers

TITLES = {
    1: "CIFAR-10/100, DARTS space", 2: "ImageNet-1K", 3: "NAS-Bench-201", 4: "TransNAS-Bench-101",
    5: "ablation of λ", 6: "ablation of k, ξ", 7: "one LLM beside another", 8: "Penn Treebank",
}  # fmt: skip
PLANNED = ("workstation", "paper")  # the other profiles take minutes of a CPU, which were measured


@dataclass(frozen=True)
class Plan:
    """What is left of a profile. table: one row for each table of the paper, then the sum; NaN if not known."""

    title: str
    table: pd.DataFrame
    wall_hours: float  # of the GPUs
    notes: list[str]

    def __str__(self) -> str:
        decimals = {"GPU-hours": 1, "LLM-hours": 1, "dollars": 2}
        formats = {name: f"{{:,.{decimals.get(name, 0)}f}}".format for name in map(str, self.table)}
        table = self.table.to_string(formatters=formats, na_rep="not known")
        wall = f"By the clock the GPUs take {self.wall_hours:,.1f} hours."
        return "\n".join([self.title, "", table, "", wall, *(f"- {note}" for note in self.notes)])

    def as_data(self) -> dict[str, Any]:
        """What `--json` prints; None for what is not known."""
        rows = self.table.astype(object).where(self.table.notna(), None).to_dict("index")
        return {"title": self.title, "tables": rows, "wall_hours": self.wall_hours, "notes": self.notes}


def plan(
    profile: str = "paper",
    card: str = "a100",
    gpus: int = 1,
    llm: str = "openai:gpt-4o-mini",
    results: Path = RESULTS,
    precision: str = "",
) -> Plan:
    """What is left of all tables. precision: "fp32" or "bf16"; "": the profile's.

    Raises UnknownName for a card, an LLM or a profile that does not exist, SettingError for what cannot be planned.
    """
    sizes, home = get_profile(profile), Home(results, profile)
    if profile not in PLANNED:
        known = " and ".join(PLANNED)
        raise SettingError(f"only {known} are planned; what {profile} takes was measured: see docs/tables.md")
    if gpus < 1:
        raise SettingError(f"gpus must be at least 1, not {gpus}")
    precision = precision or get_protocol(profile).precision
    look_up("precision", dict.fromkeys(("fp32", "bf16")), precision)
    left = jobs(Edition(sizes, llm, sizes.seeds, sizes.trans101_seeds, photographs=IMAGENET[profile]), results)
    speeds = {kind: speed(card, kind, precision, home) for kind in dict.fromkeys(job.kind for job in left) if kind}
    searched = dict.fromkeys(job.need.space for job in left if isinstance(job.need, Search))
    askings = {space: asking(llm, space, home) for space in searched}
    hours = [job.operations / speeds[job.kind].per_second / 3600 if job.kind else 0.0 for job in left]
    price = price_of(llm)
    rows = [_row(job, took, askings, price) for job, took in zip(left, hours, strict=True)]
    table = pd.DataFrame(rows).groupby("table").agg(partial(pd.Series.sum, skipna=False))
    numbers = sorted(table_numbers().values())
    table = table.reindex(numbers, fill_value=0)
    table.index = pd.Index([f"{number}: {TITLES[number]}" if number in TITLES else str(number) for number in numbers])
    table.loc["all"] = table.sum(skipna=False)
    notes = [f"{kind.replace('_', ' ')}: {speed}" for kind, speed in speeds.items()]
    notes += [f"tokens of {space}: {known.source}" for space, known in askings.items()]
    title = f"Profile {profile} on {gpus} x {cards()[card]['name']}, {precision}, LLM {llm}"
    return Plan(title, table, wall_hours(left, hours, gpus), [*notes, *_notes(llm)])


def _row(job: PricedJob, hours: float, askings: dict[str, Asking], price: Price | None) -> dict[str, float]:
    """A job's part of the table. What an LLM takes is of the rounds that are left."""
    tokens, seconds = askings[job.need.space].of(job.rounds) if any(job.rounds) else ({}, 0.0)
    return {
        "table": job.table,
        "jobs left": int(job.operations > 0),
        "done": int(job.kind != "" and not job.operations),
        "GPU-hours": hours,
        "LLM calls": 2 * job.rounds[0] + job.rounds[1],
        "prompt tokens": tokens.get("prompt_tokens", 0),
        "reply tokens": tokens.get("completion_tokens", 0),
        "LLM-hours": seconds / 3600,
        "dollars": price.dollars(tokens) if price else math.nan,
    }


def wall_hours(jobs: Sequence[PricedJob], hours: Sequence[float], gpus: int) -> float:
    """Hours by the clock that jobs take on this many GPUs. hours: of each job.

    Supernets run first, then searches, then trainings; among each, the longest first. A job that splits is spread over
    all GPUs without loss.
    """
    total, timed = 0.0, list(zip(jobs, hours, strict=True))
    for phase in (Supernet, Search, Training):
        here = [(job, hours) for job, hours in timed if isinstance(job.need, phase)]
        busy = [sum(hours for job, hours in here if job.splits) / gpus] * gpus
        for took in sorted((hours for job, hours in here if not job.splits), reverse=True):
            busy[busy.index(min(busy))] += took
        total += max(busy)
    return total


def _notes(llm: str) -> list[str]:
    notes = [
        "From a FLOP count GPU-hours tell the order of size only; a short run on the card tells more "
        "(benchmarks/classifier_step.py --device cuda). The hours by the clock are of supernets, then searches, then "
        "final trainings; ImageNet-1K is spread over all GPUs without loss, every other job is on one.",
        "Calls are first attempts. Repeats come on top, and so do the thoughts of LLMs that think. LLM-hours are those "
        "of finished searches with this LLM, one call after the other.",
        "Each job counts with the first table that needs it. Table 7 shows this LLM beside those that searched before: "
        "another one costs what its own plan says. A cell that no search has found yet is counted as DARTS_V2.",
        f"Dollars as of {as_of()}, nothing read from a prompt cache. ImageNet's 155 GB of images are yours to bring.",
    ]
    if llm.startswith(("local:", "openai:")):
        notes.append("An LLM on your own hardware costs no dollars; the GPU that it needs is not counted.")
    if price_of(llm) is None:
        notes.append(f"The price of {llm} is not known: name a file with it in SEKI_PRICES.")
    return notes
