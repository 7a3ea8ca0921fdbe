"""The plan: hours, tokens, dollars and disk, table by table and in total."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from ...files.errors import SettingError, look_up
from ...llm.prices import as_of, price_of, prices
from ...paper import Edition
from ...profiles import get_profile
from ...training.protocol import get_protocol
from ..notebook import ROOT
from .speed import Speed, cards, speed
from .tables import TABLES, askings, data_bytes, works
from .tokens import Tokens, tokens, tokens_of_prompts
from .work import BACKWARD, PHASES, Asking, Protocols, Work

CHECKPOINT_BYTES = 2 * 2 * 4  # a parameter: two checkpoints, its weight and momentum, 4 bytes each


@dataclass(frozen=True)
class Row:
    """A line of the plan: what is left of one table, or (table 0) of all."""

    table: int
    what: str
    jobs_left: int  # of GPUs
    jobs_done: int
    gpu_hours: float
    hours_from: str
    llm_calls: int
    prompt_tokens: int
    completion_tokens: int
    tokens_from: str
    dollars: float | None  # None: nobody knows this LLM's price
    disk_bytes: int
    wall_hours: float


@dataclass(frozen=True)
class Plan:
    """What is left of the paper on these GPUs with this LLM. `asdict` of it is what `--json` prints."""

    profile: str
    card: str
    gpus: int
    precision: str
    llm: str
    rows: list[Row]  # the last is the sum
    speeds: dict[str, Speed]
    tokens: dict[str, str]  # space -> where its numbers come from
    dollars: dict[str, float]  # LLM -> all tables, asked in full prompts
    notes: list[str]


def plan(
    profile: str = "paper",
    card: str = "a100",
    gpus: int = 1,
    llm: str = "openai:gpt-4o-mini",
    results: Path = ROOT / "results",
    precision: str = "",
    protocols: Protocols | None = None,
) -> Plan:
    """What is left of all tables. precision: "fp32" or "bf16"; "": the profile's.

    Raises UnknownName for a card, an LLM or a profile that does not exist, SettingError for what cannot be planned.
    """
    if get_profile(profile).name != "paper":
        raise SettingError(f"only the profile paper is planned; what {profile} takes was measured: see docs/tables.md")
    if gpus < 1:
        raise SettingError(f"gpus must be at least 1, not {gpus}")
    precision = precision or get_protocol(profile).precision
    look_up("precision", dict.fromkeys(("fp32", "bf16")), precision)
    sizes = get_profile(profile)
    edition = Edition(sizes, llm, sizes.seeds, sizes.trans101_seeds)
    left = {asking.table: asking for asking in askings(edition, results)}
    jobs = list(works(edition, results, protocols or Protocols()))
    speeds = {kind: speed(card, kind, precision, results / profile) for kind in dict.fromkeys(j.kind for j in jobs)}
    timed = [(job, job.operations / speeds[job.kind].per_second / 3600) for job in jobs]
    took = {asking.space: tokens(llm, asking.space, results / profile) for asking in left.values()}
    rows = [
        _row(asking, [pair for pair in timed if pair[0].table == table], speeds, took[asking.space], llm, gpus)
        for table, asking in left.items()
    ]
    full = [tokens_of_prompts("full", asking.space).of(asking) for asking in left.values()]
    dollars = {name: sum(map(price.dollars, full)) for name, price in prices().items()}
    sources = {space: known.source for space, known in took.items()}
    rows.append(_sum(rows, wall_hours(timed, gpus)))
    name = cards()[card]["name"]
    return Plan(profile, name, gpus, precision, llm, rows, speeds, sources, dollars, _notes(llm))


def wall_hours(jobs: Iterable[tuple[Work, float]], gpus: int) -> float:
    """Hours on so many GPUs: phase after phase, the longest job first; one that splits is spread over all of them."""
    total = 0.0
    for phase in PHASES:
        here = [(job, hours) for job, hours in jobs if job.phase == phase]
        busy = [sum(hours for job, hours in here if job.splits) / gpus] * gpus
        for hours in sorted((hours for job, hours in here if not job.splits), reverse=True):
            busy[busy.index(min(busy))] += hours
        total += max(busy)
    return total


def _row(
    asking: Asking, jobs: list[tuple[Work, float]], speeds: dict[str, Speed], known: Tokens, llm: str, gpus: int
) -> Row:
    took, price = known.of(asking), price_of(llm)
    left = [job for job, hours in jobs if hours]
    ways = sorted({"measured" if speeds[job.kind].measured else "FLOP count" for job in left})
    disk = sum(job.parameters for job in left) * CHECKPOINT_BYTES
    disk += round(known.bytes_a_round * (asking.evolve + asking.inspire)) + data_bytes(asking.table)
    return Row(
        asking.table, TABLES[asking.table], len(left), len(jobs) - len(left), sum(hours for _, hours in jobs),
        " + ".join(ways), asking.calls, **took, tokens_from="measured" if known.measured else "counted",
        dollars=price.dollars(took) if price else None, disk_bytes=disk, wall_hours=wall_hours(jobs, gpus),
    )  # fmt: skip


def _sum(rows: list[Row], wall: float) -> Row:
    known = [row.dollars for row in rows if row.dollars is not None]
    return Row(
        0, "all", sum(r.jobs_left for r in rows), sum(r.jobs_done for r in rows), sum(r.gpu_hours for r in rows), "",
        sum(r.llm_calls for r in rows), sum(r.prompt_tokens for r in rows), sum(r.completion_tokens for r in rows), "",
        sum(known) if len(known) == len(rows) else None, sum(r.disk_bytes for r in rows), wall,
    )  # fmt: skip


def _notes(llm: str) -> list[str]:
    notes = [
        f"GPU-hours: 2 operations a multiply-add, {1 + BACKWARD} forward passes a trained sample; the auxiliary head, "
        "under 1 %, is left out. From a FLOP count they tell the order of size only; a short run on the card tells "
        "more (benchmarks/classifier_step.py --device cuda).",
        "Calls are first attempts, critique and refine counted as two: 425 a seed for Tables 1, 5 and 6 together, by "
        "forks of one history. Repeats come on top, and so do the thoughts of LLMs that think.",
        "Each job counts with the first table that needs it. Table 7 shows this LLM beside those that searched before: "
        "another one costs what its own plan says. A cell that no search has found yet is counted as DARTS_V2.",
        "Wall time: supernets, then searches, then final trainings; ImageNet spread over all GPUs without loss, every "
        "other job on one. The LLM's own time is not in it. ImageNet's 155 GB of images are yours to bring.",
        f"Dollars as of {as_of()}, nothing read from a prompt cache.",
    ]
    if llm.startswith(("local:", "openai:")):
        notes.append("An LLM on your own hardware costs no dollars; the GPU that it needs is not counted.")
    if price_of(llm) is None:
        notes.append(f"The price of {llm} is not known: name a file with it in SEKI_PRICES.")
    return notes
