"""What the paper's tables take before anything is paid: `seki cost --profile paper --card a100 --gpus 8 --llm …`.

GPU-hours are operations divided by a speed. Operations: 2 per multiply-add (`nn.count`), once forward and twice
backward for a sample that is trained on. The speed is, in this order,

- measured on the card: by a finished training of this profile, or a row of `benchmarks/results/throughput.csv`;
- the card's fp32 peak times the share of it that public code is known to reach at such work (`cards.toml`); bf16 is
  taken to be twice as fast, since memory traffic binds and halves.

Tokens are those of finished searches with the same LLM, else counted on the kit's own prompts
(`benchmarks/results/prompt_tokens.csv`). What is finished under the results folder is subtracted.
"""

import csv
import json
import statistics
import tomllib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import Any

from .ablations import Setting, k_xi_settings, lambda_settings, trunk
from .assets import ASSETS, locate
from .errors import SettingError, look_up
from .jsonl import read_lines
from .llm import get_llm
from .llm.prices import as_of, price_of, prices
from .nn.count import count, count_supernet
from .notebook import ROOT
from .profiles import Profile, get_profile
from .report.table1 import PLANS, found_cells
from .runs import RunSpec, folder_name
from .spaces import get_space
from .spaces.darts import PUBLIC_GENOTYPES
from .training.language_protocol import LANGUAGE_PROTOCOLS, LANGUAGE_SUPERNETS
from .training.protocol import (
    IMAGENET_PROTOCOLS,
    IMAGENET_SUPERNETS,
    ClassifierConfig,
    SupernetConfig,
    SupernetSpec,
    TrainingSpec,
    assets_at_hand,
    get_protocol,
    named_architecture,
)  # fmt: skip

CARDS = Path(__file__).with_name("cards.toml")
MEASURED = ROOT / "benchmarks" / "results"
BACKWARD = 2  # the backward pass in forward passes
BF16_GAIN = 2.0  # over fp32: an assumption (half the memory traffic), measured nowhere
CHECKPOINT_BYTES = 2 * 2 * 4  # a parameter: two checkpoints, its weight and momentum, 4 bytes each
TABLES = {
    1: "CIFAR-10/100, DARTS space", 2: "ImageNet-1K", 3: "NAS-Bench-201", 4: "TransNAS-Bench-101",
    5: "ablation of λ", 6: "ablation of k, ξ", 7: "a second LLM", 8: "Penn Treebank",
}  # fmt: skip
PHASES = SUPERNET, SEARCH, TRAINING = range(3)  # each waits for the one before


@dataclass(frozen=True)
class Protocols:
    """What experiments take, as the profile `paper` sets it, and the sizes of their data."""

    imagenet_epochs: int = IMAGENET_PROTOCOLS["paper"].epochs
    imagenet_channels: int = IMAGENET_PROTOCOLS["paper"].channels
    imagenet_layers: int = IMAGENET_PROTOCOLS["paper"].layers
    imagenet_images: tuple[int, int] = (1_281_167, 50_000)  # training, validation
    imagenet_search: SupernetConfig = IMAGENET_SUPERNETS["paper"]
    imagenet_search_images: tuple[int, int] = (128_117, 32_029)  # 10 % of each class for the weights, 2.5 % to validate
    tokens: tuple[int, int] = (929_589, 73_760)  # of Penn Treebank: training, validation
    vocabulary: int = 10_000
    language_epochs: int = LANGUAGE_PROTOCOLS["paper"].epochs
    language_embedding: int = LANGUAGE_PROTOCOLS["paper"].hidden
    language_search_epochs: int = LANGUAGE_SUPERNETS["paper"].epochs
    language_search_embedding: int = LANGUAGE_SUPERNETS["paper"].hidden


@dataclass(frozen=True)
class Work:
    """One job of a GPU. trained, tested: samples (images, tokens) with and without a backward pass."""

    table: int
    what: str
    kind: str  # of what is known of its speed: a key of [published] in cards.toml
    phase: int
    multiply_adds: float  # forward, one sample
    trained: float
    tested: float = 0.0
    parameters: int = 0
    left: float = 1.0  # share that is not done yet
    splits: bool = False  # may be spread over several GPUs

    @property
    def operations(self) -> float:
        """Multiplications and additions that are left to do."""
        return 2 * self.multiply_adds * ((1 + BACKWARD) * self.trained + self.tested) * self.left


@dataclass(frozen=True)
class Asking:
    """Rounds of searches that are left to do: of self-evolution (two calls) and of inspiration (one)."""

    table: int
    space: str
    evolve: int
    inspire: int

    @property
    def calls(self) -> int:
        """Calls at first attempt."""
        return 2 * self.evolve + self.inspire


@dataclass(frozen=True)
class Speed:
    """Operations a second at one kind of work on one card, and how that is known."""

    per_second: float
    measured: bool
    source: str

    def __str__(self) -> str:
        return f"{self.per_second / 1e12:.3g} TFLOP/s, {'measured: ' if self.measured else ''}{self.source}"


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


@dataclass(frozen=True)
class Tokens:
    """(prompt, reply) tokens that one round of each stage takes, and how that is known."""

    evolve: tuple[float, float]
    inspire: tuple[float, float]
    measured: bool
    source: str
    bytes_a_round: float = 0.0  # on disk

    def of(self, asking: Asking) -> dict[str, int]:
        """Tokens by kind, as providers and prices name them."""
        pairs = zip(("prompt_tokens", "completion_tokens"), self.evolve, self.inspire, strict=True)
        return {name: round(asking.evolve * e + asking.inspire * i) for name, e, i in pairs}


def works(profile: Profile, results: Path, left: dict[int, Asking], p: Protocols) -> Iterator[Work]:
    """Every job of a GPU that the paper's tables take. left: the rounds that are left, by table."""
    config, plan, folder = get_protocol(profile.name), PLANS[profile.name], results / profile.name
    found = found_cells(results, profile.name)[:1]
    ours, genotype = named_architecture(str(found[0])) if found else ("the searched cell", PUBLIC_GENOTYPES["DARTS_V2"])

    def scored(table: int, kind: str, multiply_adds: float, samples: int) -> Work:
        cells = left[table].evolve + left[table].inspire
        return Work(table, "f", kind, SEARCH, multiply_adds, 0, cells * samples)

    def final(table: int, name: str, text: str, dataset: str, seed: int = 0) -> Work:
        job = imagenet_work(p, text) if dataset == "imagenet" else classifier_work(config, text, dataset)
        at = TrainingSpec(name, text, dataset, profile.name, seed).folder(results)
        epochs = p.imagenet_epochs if dataset == "imagenet" else config.epochs
        return replace(job, table=table, what=f"{name} on {dataset}, seed {seed}", left=_left(at, epochs))

    cells = [(ours, genotype), *map(named_architecture, plan.cells)]
    supernet = SupernetSpec("darts", "cifar10", profile.name)
    half = (supernet.config.train_images or 50_000) // 2
    left_over = _left(supernet.folder(results), supernet.config.epochs)
    yield replace(supernet_work(supernet.config, (half, half)), left=left_over)
    for name, text in cells:
        yield from (final(1, name, text, dataset, seed) for dataset in plan.datasets for seed in plan.seeds)
    for table in (1, 5, 6, 7):  # Tables 5, 6 and 7 score on the supernet of Table 1
        yield scored(table, "supernet", path_multiply_adds(supernet.config), supernet.config.score_images)

    large = p.imagenet_search
    left_over = _least_left(folder.glob("supernets/darts/imagenet/*/seed=0"), large.epochs)
    yield replace(supernet_work(large, p.imagenet_search_images, "imagenet"), left=left_over)
    yield scored(2, "imagenet_supernet", path_multiply_adds(large, "imagenet"), large.score_images)
    yield final(2, ours, genotype, "imagenet")
    direct = found_cells(results, profile.name, task="imagenet")[:1]
    named = ("the cell searched on ImageNet", genotype)
    yield final(2, *(named_architecture(str(direct[0])) if direct else named), "imagenet")

    second = "the second LLM's cell"
    yield from (final(7, second, genotype, dataset, seed) for dataset in plan.datasets for seed in plan.seeds)
    yield final(7, second, genotype, "imagenet")

    left_over = _least_left(folder.glob("supernets/darts_rnn/ptb/*/seed=0"), p.language_search_epochs)
    yield replace(language_work(p, search=True), left=left_over)
    single = language_multiply_adds(p.language_search_embedding, p.vocabulary)
    yield scored(8, "language_model", single, p.tokens[1])
    left_over = _least_left(folder.glob("trainings/darts_rnn/ptb/searched-*/seed=0"), p.language_epochs)
    yield replace(language_work(p), left=left_over)


def supernet_work(config: SupernetConfig, images: tuple[int, int], stem: str = "cifar") -> Work:
    """A supernet of the DARTS space. images: of an epoch of its weights, and of its α if it has any."""
    imagenet = stem == "imagenet"
    if config.kind == "single_path":
        forward, trained = path_multiply_adds(config, stem), config.epochs * images[0]
    else:
        partial = config.partial if config.kind == "pc_darts" else 1
        forward = count_supernet(
            config.channels, config.layers, partial=partial, classes=1000 if imagenet else 10, stem=stem
        )
        trained = config.epochs * images[0] + (config.epochs - config.alpha_from) * images[1]
    kind = "imagenet_supernet" if imagenet else "supernet"
    return Work(1 + imagenet, f"{config.kind} supernet", kind, SUPERNET, forward, trained, parameters=2_000_000,
                splits=imagenet)  # fmt: skip


def path_multiply_adds(config: SupernetConfig, stem: str = "cifar") -> float:
    """Of one cell at the supernet's size: the mean of 16 random ones."""
    space = get_space("darts")
    return statistics.fmean(
        count_supernet(config.channels, config.layers, classes=10, stem=stem, arch=space.random(Random(i)))
        for i in range(16)
    )


def classifier_work(config: ClassifierConfig, genotype: str, dataset: str) -> Work:
    """A final training on CIFAR: all epochs on the training images, with a look at the test images after each."""
    trained, tested = config.train_images or 50_000, config.test_images or 10_000
    size = count("darts", genotype, channels=config.channels, layers=config.layers, auxiliary=True,
                 classes=100 if dataset == "cifar100" else 10)  # fmt: skip
    return Work(1, "", "classifier", TRAINING, size.multiply_adds, trained * config.epochs, tested * config.epochs,
                size.parameters)  # fmt: skip


def imagenet_work(p: Protocols, genotype: str) -> Work:
    """A final training on ImageNet-1K."""
    size = count("darts", genotype, channels=p.imagenet_channels, layers=p.imagenet_layers, classes=1000,
                 auxiliary=True, stem="imagenet")  # fmt: skip
    train, valid = (n * p.imagenet_epochs for n in p.imagenet_images)
    return Work(2, "", "imagenet", TRAINING, size.multiply_adds, train, valid, size.parameters, splits=True)


def language_work(p: Protocols, search: bool = False) -> Work:
    """Penn Treebank: the supernet (weights and architecture parameters), or the final language model."""
    train, valid = p.tokens
    if search:
        forward = language_multiply_adds(p.language_search_embedding, p.vocabulary, edges=36)  # all 1 + … + 8
        return Work(8, "supernet of recurrent cells", "language_model", SUPERNET, forward,
                    2 * train * p.language_search_epochs, parameters=5_000_000)  # fmt: skip
    forward = language_multiply_adds(p.language_embedding, p.vocabulary)
    return Work(8, "language model", "language_model", TRAINING, forward, train * p.language_epochs,
                valid * p.language_epochs, 23_000_000)  # fmt: skip


def language_multiply_adds(embedding: int, vocabulary: int, edges: int = 8) -> int:
    """Of one token: the first projection, a matrix a node and edge, the decoder."""
    return (2 * embedding) ** 2 + edges * embedding * 2 * embedding + embedding * vocabulary


def askings(profile: Profile, results: Path, llm: str) -> list[Asking]:
    """What LLMs are still to be asked, table by table."""
    from .evaluators.trans101_table import TASKS

    def done(spec: RunSpec) -> int:
        """Rounds that this search has behind it; a fork begins with those that it shares."""
        return max(0, len(list(read_lines(spec.folder(results) / "history.jsonl"))) - 1)

    def searches(table: int, space: str, counts: Iterable[int]) -> Asking:
        counts = list(counts)
        evolve = sum(max(0, profile.lam - count) for count in counts)
        return Asking(table, space, evolve, sum(profile.rounds - max(count, profile.lam) for count in counts))

    def forks(table: int, settings: list[Setting], shared: int) -> Asking:
        """Ablations (`ablations.py`). shared: rounds of self-evolution that are paid for here, and once."""
        evolve = inspire = 0
        for seed in profile.ablation_seeds:
            own = RunSpec("darts", "cifar10", llm, profile.name, seed)
            behind = {setting: done(setting.spec(own, profile)) for setting in settings}
            evolve += max(0, shared - max(min(count, setting.lam) for setting, count in behind.items()))
            inspire += sum(profile.rounds - max(count, setting.lam) for setting, count in behind.items())
        return Asking(table, "darts", evolve, inspire)

    def runs(space: str, tasks: Iterable[str], seeds: Iterable[int]) -> list[RunSpec]:
        return [RunSpec(space, task, llm, profile.name, seed) for task in tasks for seed in seeds]

    table5 = lambda_settings(profile)
    table6 = [setting for setting in k_xi_settings(profile) if setting not in table5]
    return [
        searches(1, "darts", map(done, runs("darts", ["cifar10"], profile.seeds))),
        searches(2, "darts", map(done, runs("darts", ["imagenet"], [0]))),
        searches(3, "nas201", map(done, runs("nas201", ["cifar10"], profile.seeds))),
        searches(4, "trans101", map(done, runs("trans101", TASKS, profile.trans101_seeds))),
        forks(5, table5, trunk(profile).lam),
        forks(6, table6, 0),
        searches(7, "darts", [0] * len(profile.seeds)),  # of an LLM that is not named here
        searches(8, "darts_rnn", map(done, runs("darts_rnn", ["ptb"], [0]))),
    ]


def _least_left(folders: Iterable[Path], epochs: int) -> float:
    return min((_left(folder, epochs) for folder in folders), default=1.0)


def _left(folder: Path, epochs: int) -> float:
    """The share of a training that is not done."""
    if (folder / "result.json").is_file():
        return 0.0
    return max(0.0, 1 - len(list(read_lines(folder / "metrics.jsonl"))) / epochs)


@lru_cache(maxsize=1)
def _facts() -> dict[str, Any]:
    return tomllib.loads(CARDS.read_text(encoding="utf-8"))


def cards() -> dict[str, dict[str, Any]]:
    """Every known card by its name here."""
    return dict(_facts()["cards"])


def published_share(kind: str) -> tuple[float, str]:
    """The share of the fp32 peak that public code reached at this kind of work, and who says so."""
    fact = look_up("kind of work", _facts()["published"], kind)
    job = Work(0, "", kind, TRAINING, fact["multiply_adds"], fact["trained"], fact["tested"])
    seconds = 3600 * fact["hours"] * fact["gpus"]
    return job.operations / seconds / (cards()[fact["card"]]["fp32"] * 1e12), fact["source"]


def speed(card: str, kind: str, precision: str, folder: Path) -> Speed:
    """How fast this card does this kind of work. folder: of the profile, where finished trainings are.

    Raises UnknownName, or SettingError if it cannot be known.
    """
    about = look_up("card", cards(), card)
    rates = [*_rates_of_trainings(card, precision, folder / "trainings"), *_kept_rates(card, precision)]
    for known, per_second, source in rates:
        if known == kind:
            return Speed(per_second, True, source)
    if "fp32" not in about:
        if not rates:
            raise SettingError(f"{about['name']}: neither a measured speed in {precision} nor a peak is known")
        _, per_second, source = rates[0]
        return Speed(per_second, False, f"at the speed of another network ({source})")
    if precision == "bf16" and "bf16" not in about:
        raise SettingError(f"{about['name']} has no bf16: --precision fp32")
    share, source = published_share(kind)
    per_second = share * about["fp32"] * 1e12
    words = f"{100 * share:.1f} % of {about['fp32']:g} TFLOP/s, as {source}"
    if precision == "bf16":
        per_second = min(BF16_GAIN * per_second, about["bf16"] * 1e12)
        words = f"{BF16_GAIN:g} times {words}"
    return Speed(per_second, False, words)


def _kept_rates(card: str, precision: str) -> Iterator[tuple[str, float, str]]:
    path = MEASURED / "throughput.csv"
    if not path.is_file():
        return
    with path.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if (row["card"], row["precision"]) == (card, precision):
                job = Work(0, "", row["kind"], TRAINING, float(row["multiply_adds"]), float(row["samples_per_second"]))
                yield row["kind"], job.operations, row["source"]


def _rates_of_trainings(card: str, precision: str, folder: Path) -> Iterator[tuple[str, float, str]]:
    for path in sorted(folder.glob("darts/cifar10*/*/seed=*/result.json")):
        result, config = json.loads(path.read_text()), json.loads((path.parent / "config.json").read_text())
        if card in _plain(result["device"]) and config["precision"] == precision:
            rate = statistics.median(line["images_per_second"] for line in read_lines(path.parent / "metrics.jsonl"))
            job = Work(0, "", "classifier", TRAINING, 1e6 * result["madds_m"], rate)
            yield "classifier", job.operations, f"{rate:,.0f} images/s in {path.parent}"


def _plain(name: str) -> str:
    return "".join(letter for letter in name.lower() if letter.isalnum())


def tokens(llm: str, space: str, folder: Path) -> Tokens:
    """What a round of a search takes: of finished searches with this LLM, else counted on the kit's prompts.

    folder: of the profile; the kit's reference searches are looked at too. Raises UnknownName or LLMError.
    """
    templates = get_llm(llm).templates
    pattern = f"searches/{space}/*/{folder_name(llm)}/default/seed=*/result.json"
    finished = [path.parent for at in (folder, ROOT / "results" / "reference") for path in sorted(at.glob(pattern))]
    return _of_searches(finished, llm) if finished else _counted(templates, space)


def _of_searches(folders: list[Path], llm: str) -> Tokens:
    rounds, took, size = [0, 0], [[0, 0], [0, 0]], 0  # self-evolution, inspiration
    for folder in folders:
        config = json.loads((folder / "config.json").read_text())["search"]
        rounds[0], rounds[1] = rounds[0] + config["lam"], rounds[1] + config["rounds"] - config["lam"]
        size += sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())
        for call in read_lines(folder / "transcript.jsonl"):
            used = took[call["round"] > config["lam"]]
            used[0] += call.get("usage", {}).get("prompt_tokens", 0)
            used[1] += call.get("usage", {}).get("completion_tokens", 0)
    evolve, inspire = ((used[0] / max(n, 1), used[1] / max(n, 1)) for used, n in zip(took, rounds, strict=True))
    source = f"{len(folders)} finished searches with {llm}, repeated calls included"
    return Tokens(evolve, inspire, True, source, size / sum(rounds))


def _counted(templates: str, space: str) -> Tokens:
    with (MEASURED / "prompt_tokens.csv").open(encoding="utf-8", newline="") as file:
        rows = {(r["templates"], r["space"], r["stage"]): r for r in csv.DictReader(file)}
    counted = space if (templates, space, "refine") in rows else "darts"  # the longer prompts of the two
    stages = {stage: rows[templates, counted, stage] for stage in ("critique", "refine", "inspire")}
    pairs = {s: (float(row["prompt_tokens"]), float(row["reply_tokens"])) for s, row in stages.items()}
    evolve = (pairs["critique"][0] + pairs["refine"][0], pairs["critique"][1] + pairs["refine"][1])
    words = f"counted on the {templates} prompts of {counted}, first attempts"
    return Tokens(evolve, pairs["inspire"], False, words, 4 * (sum(evolve) + sum(pairs["inspire"])))  # 4 bytes a token


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


def data_bytes(table: int) -> int:
    """What is still to be fetched for a table. ImageNet's 155 GB are the user's own and stand beside the plan."""
    if table == 8:
        names = [name for name in ASSETS if name.startswith("ptb")]
        return 0 if names and all(map(locate, names)) else 5_951_345
    sizes = {"cifar10": 170_498_071, "cifar100": 169_001_437} if table == 1 else {}
    return sum(size for name, size in sizes.items() if not assets_at_hand(name))


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
        raise SettingError(f"only the profile paper is planned; what {profile} takes was measured: see README.md")
    if gpus < 1:
        raise SettingError(f"gpus must be at least 1, not {gpus}")
    precision = precision or get_protocol(profile).precision
    look_up("precision", dict.fromkeys(("fp32", "bf16")), precision)
    p, sizes = protocols or Protocols(), get_profile(profile)
    left = {asking.table: asking for asking in askings(sizes, results, llm)}
    jobs = list(works(sizes, results, left, p))
    speeds = {kind: speed(card, kind, precision, results / profile) for kind in dict.fromkeys(j.kind for j in jobs)}
    timed = [(job, job.operations / speeds[job.kind].per_second / 3600) for job in jobs]
    took = {asking.space: tokens(llm, asking.space, results / profile) for asking in left.values()}
    rows = [
        _row(asking, [pair for pair in timed if pair[0].table == table], speeds, took[asking.space], llm, gpus)
        for table, asking in left.items()
    ]
    full = [_counted("full", asking.space).of(asking) for asking in left.values()]
    dollars = {name: sum(map(price.dollars, full)) for name, price in prices().items()}
    sources = {space: known.source for space, known in took.items()}
    rows.append(_sum(rows, wall_hours(timed, gpus)))
    name = cards()[card]["name"]
    return Plan(profile, name, gpus, precision, llm, rows, speeds, sources, dollars, _notes(llm))


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
        "Calls are first attempts, critique and refine counted as two: 425 a seed for Tables 5 and 6 together, by "
        "forks of one history. Repeats come on top, and so do the thoughts of LLMs that think.",
        "Table 7 is one more LLM, priced as the first. Tables 5 and 6 use the supernet of Table 1, and Table 6 the "
        "self-evolution of Table 5. A cell that no search has found yet is counted as DARTS_V2.",
        "Wall time: supernets, then searches, then final trainings; ImageNet spread over all GPUs without loss, every "
        "other job on one. The LLM's own time is not in it. ImageNet's 155 GB of images are yours to bring.",
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
    head = ["table", "", "jobs left (done)", "GPU-hours", "from", "LLM calls", "tokens in + out", "from", "dollars",
            "disk", wall]  # fmt: skip
    body = [_line(row) for row in plan.rows]
    width = [max(len(row[i]) for row in [head, *body]) for i in range(len(head))]
    lines = ["| " + " | ".join(t.ljust(w) for t, w in zip(row, width, strict=True)) + " |" for row in [head, *body]]
    lines.insert(1, "|" + "|".join("-" * (w + 2) for w in width) + "|")
    others = sorted(plan.dollars.items(), key=lambda item: item[1])
    notes = [f"{kind.replace('_', ' ')}: {speed}" for kind, speed in plan.speeds.items()]
    notes += [f"tokens of {space}: {source}" for space, source in plan.tokens.items()]
    return "\n".join(
        [
            f"Profile {plan.profile} on {plan.card}, {plan.precision}, LLM {plan.llm}",
            "",
            *lines,
            "",
            *(f"- {note}" for note in [*notes, *plan.notes]),
            "",
            "All tables with other LLMs, asked in full prompts: "
            + ", ".join(f"{name} ${amount:,.2f}" for name, amount in others),
        ]
    )


def _line(row: Row) -> list[str]:
    return [
        str(row.table or "all"), row.what if row.table else "",
        f"{row.jobs_left} ({row.jobs_done})" if row.jobs_left + row.jobs_done else "–",
        _hours(row.gpu_hours), row.hours_from, f"{row.llm_calls:,}",
        f"{row.prompt_tokens:,} + {row.completion_tokens:,}" if row.llm_calls else "–",
        row.tokens_from if row.llm_calls else "", "not known" if row.dollars is None else f"{row.dollars:,.2f}",
        f"{row.disk_bytes / 1e9:.1f} GB" if row.disk_bytes >= 1e9 else f"{row.disk_bytes / 1e6:.1f} MB",
        _hours(row.wall_hours),
    ]  # fmt: skip


def _hours(hours: float) -> str:
    return f"{hours:,.{0 if hours >= 10 else 1}f}" if hours else "–"
