"""The plan: GPU-hours, tokens, dollars and LLM-hours, table by table and in total, and how `seki cost` prints it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from ...files.errors import SettingError, look_up
from ...llm.prices import as_of, price_of, prices
from ...paper import Edition, Search, Supernet, Training
from ...profiles import get_profile
from ...training.protocol import IMAGENET, get_protocol
from ..notebook import ROOT
from .rates import Asking, Speed, asking, asking_of_prompts, cards, speed
from .work import Job, jobs

TABLES = {
    1: "CIFAR-10/100, DARTS space", 2: "ImageNet-1K", 3: "NAS-Bench-201", 4: "TransNAS-Bench-101",
    5: "ablation of λ", 6: "ablation of k, ξ", 7: "one LLM beside another", 8: "Penn Treebank",
}  # fmt: skip
PLANNED = ("workstation", "paper")  # the others take minutes of a CPU, which were measured


@dataclass(frozen=True)
class Row:
    """A line of the plan: what is left of one table, or (table 0) of all."""

    table: int
    what: str
    jobs_left: int  # of GPUs
    jobs_done: int
    gpu_hours: float
    hours_from: str
    llm_calls: int  # at first attempt
    prompt_tokens: int
    completion_tokens: int
    tokens_from: str
    llm_hours: float | None  # one call after the other; None: nobody measured this LLM
    dollars: float | None  # None: nobody knows this LLM's price
    wall_hours: float  # of the GPUs


@dataclass(frozen=True)
class Plan:
    """What is left of a profile on these GPUs with this LLM. `asdict` of it is what `--json` prints."""

    profile: str
    card: str
    gpus: int
    precision: str
    llm: str
    rows: list[Row]  # the last is the sum
    speeds: dict[str, Speed]  # by kind of work
    askings: dict[str, Asking]  # by space
    dollars: dict[str, float]  # LLM -> all tables, asked in full prompts
    notes: list[str]


def plan(
    profile: str = "paper",
    card: str = "a100",
    gpus: int = 1,
    llm: str = "openai:gpt-4o-mini",
    results: Path = ROOT / "results",
    precision: str = "",
) -> Plan:
    """What is left of all tables. precision: "fp32" or "bf16"; "": the profile's.

    Raises UnknownName for a card, an LLM or a profile that does not exist, SettingError for what cannot be planned.
    """
    sizes, folder = get_profile(profile), results / profile
    if profile not in PLANNED:
        known = " and ".join(PLANNED)
        raise SettingError(f"only {known} are planned; what {profile} takes was measured: see docs/tables.md")
    if gpus < 1:
        raise SettingError(f"gpus must be at least 1, not {gpus}")
    precision = precision or get_protocol(profile).precision
    look_up("precision", dict.fromkeys(("fp32", "bf16")), precision)
    edition = Edition(sizes, llm, sizes.seeds, sizes.trans101_seeds, photographs=IMAGENET[profile])
    left = jobs(edition, results)
    speeds = {kind: speed(card, kind, precision, folder) for kind in dict.fromkeys(j.kind for j in left) if kind}
    askings = {
        space: asking(llm, space, folder) for space in dict.fromkeys(j.need.space for j in left if any(j.rounds))
    }
    timed = [(job, job.operations / speeds[job.kind].per_second / 3600 if job.kind else 0.0) for job in left]
    tables = {number: (what, [pair for pair in timed if pair[0].table == number]) for number, what in TABLES.items()}
    tables[0] = "", timed
    rows = [_row(number, what, pairs, speeds, askings, llm, gpus) for number, (what, pairs) in tables.items()]
    full = _tokens((asking_of_prompts("full", job.need.space), job.rounds) for job in left if any(job.rounds))
    dollars = {name: price.dollars(full) for name, price in prices().items()}
    notes = _notes(llm)
    return Plan(profile, cards()[card]["name"], gpus, precision, llm, rows, speeds, askings, dollars, notes)


def wall_hours(timed: Sequence[tuple[Job, float]], gpus: int) -> float:
    """Hours on so many GPUs of jobs that take these: supernets, then searches, then trainings, each longest first.

    A job that splits is spread over all GPUs without loss.
    """
    total = 0.0
    for phase in (Supernet, Search, Training):
        here = [(job, hours) for job, hours in timed if isinstance(job.need, phase)]
        busy = [sum(hours for job, hours in here if job.splits) / gpus] * gpus
        for hours in sorted((hours for job, hours in here if not job.splits), reverse=True):
            busy[busy.index(min(busy))] += hours
        total += max(busy)
    return total


def _row(
    table: int, what: str, timed: Sequence[tuple[Job, float]], speeds: dict[str, Speed], askings: dict[str, Asking],
    llm: str, gpus: int,
) -> Row:  # fmt: skip
    of_gpus = [job for job, _ in timed if job.kind]
    left = [job for job in of_gpus if job.operations]
    searches = [(askings[job.need.space], job.rounds) for job, _ in timed if any(job.rounds)]
    took, price = _tokens(searches), price_of(llm)
    seconds = [asking.seconds_of(rounds) for asking, rounds in searches]
    return Row(
        table, what, len(left), len(of_gpus) - len(left), sum(hours for _, hours in timed),
        " + ".join(sorted({"measured" if speeds[job.kind].measured else "FLOP count" for job in left})),
        sum(2 * evolve + inspire for _, (evolve, inspire) in searches), **took,
        tokens_from=" + ".join(sorted({"measured" if asking.seconds else "counted" for asking, _ in searches})),
        llm_hours=None if None in seconds else sum(filter(None, seconds)) / 3600,
        dollars=price.dollars(took) if price else None, wall_hours=wall_hours(timed, gpus),
    )  # fmt: skip


def _tokens(searches: Iterable[tuple[Asking, tuple[int, int]]]) -> dict[str, int]:
    """Tokens by kind, as prices name them, that rounds take."""
    took = [asking.tokens_of(rounds) for asking, rounds in searches]
    return {kind: round(sum(tokens[kind] for tokens in took)) for kind in ("prompt_tokens", "completion_tokens")}


def _notes(llm: str) -> list[str]:
    notes = [
        "GPU-hours from a FLOP count tell the order of size only; a short run on the card tells more "
        "(benchmarks/classifier_step.py --device cuda).",
        "Calls are first attempts. Repeats come on top, and so do the thoughts of LLMs that think.",
        "Each job counts with the first table that needs it. Table 7 shows this LLM beside those that searched before: "
        "another one costs what its own plan says. A cell that no search has found yet is counted as DARTS_V2.",
        "LLM hours are those of finished searches with this LLM, one call after the other. Wall hours are the GPUs': "
        "supernets, then searches, then final trainings; ImageNet-1K spread over all of them without loss, every other "
        "job on one. ImageNet's 155 GB of images are yours to bring.",
        f"Dollars as of {as_of()}, nothing read from a prompt cache.",
    ]
    if llm.startswith(("local:", "openai:")):
        notes.append("An LLM on your own hardware costs no dollars; the GPU that it needs is not counted.")
    if price_of(llm) is None:
        notes.append(f"The price of {llm} is not known: name a file with it in SEKI_PRICES.")
    return notes


def as_text(plan: Plan) -> str:
    """The plan as Markdown that also reads as plain text."""
    wall = f"wall hours, {plan.gpus} GPU{'s' * (plan.gpus > 1)}"
    head = ["table", "", "jobs left (done)", "GPU-hours", "from", "LLM calls", "tokens in + out", "from", "LLM hours",
            "dollars", wall]  # fmt: skip
    lines = [head, *map(_line, plan.rows)]
    width = [max(map(len, column)) for column in zip(*lines, strict=True)]
    table = ["| " + " | ".join(map(str.ljust, line, width)) + " |" for line in lines]
    table.insert(1, "|" + "|".join("-" * (w + 2) for w in width) + "|")
    notes = [f"{kind.replace('_', ' ')}: {speed}" for kind, speed in plan.speeds.items()]
    notes += [f"tokens of {space}: {asking.source}" for space, asking in plan.askings.items()]
    others = sorted(plan.dollars.items(), key=lambda item: item[1])
    return "\n".join(
        [
            f"Profile {plan.profile} on {plan.card}, {plan.precision}, LLM {plan.llm}",
            "",
            *table,
            "",
            *(f"- {note}" for note in [*notes, *plan.notes]),
            "",
            "All tables with other LLMs, asked in full prompts: "
            + ", ".join(f"{name} ${amount:,.2f}" for name, amount in others),
        ]
    )


def _line(row: Row) -> list[str]:
    return [
        str(row.table or "all"), row.what,
        f"{row.jobs_left} ({row.jobs_done})" if row.jobs_left + row.jobs_done else "–",
        _hours(row.gpu_hours), row.hours_from, f"{row.llm_calls:,}",
        f"{row.prompt_tokens:,} + {row.completion_tokens:,}" if row.llm_calls else "–", row.tokens_from,
        _hours(row.llm_hours), "not known" if row.dollars is None else f"{row.dollars:,.2f}", _hours(row.wall_hours),
    ]  # fmt: skip


def _hours(hours: float | None) -> str:
    if hours is None:
        return "not known"
    return f"{hours:,.{0 if hours >= 10 else 1}f}" if hours else "–"
