"""`make replay`: the tables that depend on an LLM, made anew from kept searches without a model.

Algorithm 1 is walked once more for every kept search that a table needs. The transcript answers in the LLM's place and
the history gives each cell its score, so neither a model nor a supernet is asked. A search counts only if that walk
gives its history again, round by round. A search whose transcript is not kept is read from its history, and its cells
say so; one that today's code would not make again is left out, and its table says what is lacking.
"""

import shutil
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass, replace
from functools import cache, partial
from multiprocessing import get_context
from pathlib import Path
from typing import Any

from ..baseline_runs import baseline_runs
from ..evaluators import Evaluation, Evaluator, get_evaluator
from ..evaluators.trans101_table import TASKS as TRANS101
from ..files.assets import locate
from ..files.errors import AssetError, RunError, SekiError, UnknownName
from ..files.jsonl import on_disk, read_json, read_text, write_json
from ..files.run_folder import FORK, read_config, read_result
from ..forks import by_chance
from ..llm.transcript import Recorder
from ..paper import Edition, Search, needs_of
from ..paper.settings import PAPER_BEST, Setting
from ..profiles import Profile
from ..prompts import VARIABLES, Prompts
from ..report import ablation_tables, benchmark_tables, by_surrogate
from ..report.page import write_page
from ..report.table7 import found_without_llm, table7
from ..report.tables import Table, not_run
from ..results import SELECTION_SEEDS, Home, RunSpec, SearchResult, by_llm, is_finished
from ..search import Repository, SearchConfig, run
from ..search import Search as Walk
from ..search.repository import Record, read_history
from ..spaces import get_space
from .reproduce import read_edition

TABLES = {  # -> the spaces whose searches stand in it
    "table3": ("nas201",),
    "table4": ("trans101",),
    "table5": ("darts",),
    "table6": ("darts",),
    "table7": ("nas201", "darts", "trans101"),
    "darts_by_surrogate": ("darts",),
}


class Kept(Evaluator):
    """The scores of a history, in place of the evaluator that gave them, and its words for prompts.

    Raises RunError where the run did not keep those words, and for a cell that the history lacks.
    """

    def __init__(self, config: dict[str, Any], records: list[Record]):
        if "asked" not in config:
            raise RunError("its config.json does not hold the words of its task. Next: its search command again")
        self.task, self.called = config["asked"]["task"], config["asked"]["metric"]
        self._format = get_space(config["run"]["space"]).format
        self._records = {record.architecture: record for record in records}

    def __call__(self, arch: Any) -> Evaluation:
        """The score that this cell had."""
        if (text := self._format(arch)) not in self._records:
            raise RunError(f"the replies lead to {text}, which the history does not hold")
        record = self._records[text]
        return Evaluation(record.score, record.metrics, record.seconds)


@dataclass(frozen=True)
class Replayed:
    """What became of one kept search. why: empty if it was replayed or, without a transcript, read."""

    place: str
    rounds: int
    walked: bool
    why: str = ""

    def __str__(self) -> str:
        done = f"{self.rounds} rounds {'are those of its transcript' if self.walked else 'read; no transcript is kept'}"
        return f"{self.place}: {self.why or done}"


def replay(kept: Path, profile: Profile, results: Path, say: Callable[[str], None] = print) -> Path:
    """Make the tables of a kept folder's searches anew in `<results>/<profile>`, with the page; returns that folder.

    Raises RunError if that folder holds results that no replay made, or the kept one no search.
    """
    home = Home(results, profile.name)
    if home.folder.exists() and not home.replay_mark.exists():
        raise RunError(f"{home.folder} holds results that no replay made. Next: choose another folder, --results DIR")
    edition = _edition(kept, profile)
    if not (searches := declared(kept, edition)):
        raise RunError(f"{kept} holds no search of profile {profile.name} that can be replayed. Next: "
                       "make reproduce, or name the profile of its searches: --profile")  # fmt: skip
    here, there = home.folder.resolve(), kept.resolve()
    if here.is_relative_to(there) or there.is_relative_to(here):
        raise RunError(f"{kept} and {home.folder} lie in each other: the replay would remove what it reads. Next: "
                       "choose another folder, --results DIR")  # fmt: skip
    if home.folder.is_symlink():
        raise RunError(f"{home.folder} is a link, and a replay removes what was there. Next: remove the link")
    shutil.rmtree(home.folder, ignore_errors=True)
    write_json(home.replay_mark, {"of": str(kept), "profile": profile.name})
    with ProcessPoolExecutor(1, get_context("spawn")) as beside:  # half of the time, and waits for no search
        chance = beside.submit(_by_chance, edition)
        histories: dict[str, list[Record]] = {}
        found = [_bring(folder, kept, home, histories) for folder in searches]
        for one in found:
            say(str(one))
        for table in _tables(_makers(edition, results, chance.result), edition, say):
            mark_replayed(table, {one.place: one.walked for one in found if not one.why}, str(kept))
            if lacking := [f"{one.place}: {one.why}" for one in found if one.why]:
                table.notes.append(f"Left out, since today's code does not make them again: {'; '.join(lacking)}.")
            table.write(home.tables)
    write_page(home.folder)
    return home.folder


def declared(kept: Path, edition: Edition) -> list[Path]:
    """The finished searches of a kept folder that Tables 3 to 7 need, of all LLMs and seeds; forks come last."""
    every = replace(edition, full_grid_seeds=edition.surrogate_seeds)  # a kept run may hold more settings than it asks
    needs = [need for need in needs_of(every, *TABLES) if isinstance(need, Search) and need.until is None]
    specs, home = [need.spec(edition) for need in needs], Home(kept.parent, kept.name)
    found = [kept / need.folder(edition) for need in needs]
    for spec in specs:  # LLM and seed are any
        others = home.finished_searches(spec.space, spec.task, variant=spec.variant)
        found += [one.folder for one in others if one.seed not in SELECTION_SEEDS]
    finished = [folder for folder in dict.fromkeys(found) if is_finished(folder) and _is_of(folder, edition.name)]
    return sorted(finished, key=lambda folder: (folder / "fork.json").is_file())


def _is_of(folder: Path, profile: str) -> bool:
    """Whether a search is of this profile; one whose config.json is damaged is said later."""
    try:
        return bool(read_config(folder)["run"].get("profile") == profile)
    except SekiError:
        return True


def walk(folder: Path, shared: int = 0) -> None:
    """Walk Algorithm 1 by a search's transcript and history. Raises SekiError unless its history comes of it.

    shared: records at the beginning that are not walked once more.
    """
    config, records = read_config(folder), read_history(folder / "history.jsonl")
    texts = {stage: read_text(folder / "prompts" / f"{stage}.md.j2") for stage in VARIABLES}
    llm = Recorder(folder / "transcript.jsonl", None, name=config["llm"]["name"])
    space, settings = get_space(config["run"]["space"]), SearchConfig(**config["search"])
    search = Walk(space, Kept(config, records), llm, Prompts(texts), Repository(records=records[:shared]), settings)
    search.allow_fallbacks = True
    for step in run(search):
        here, there = (replace(record, seconds=0.0) for record in (step.record, records[step.record.round]))
        if here != there:
            raise RunError(f"round {here.round} of its history is {there.architecture}, its replies give another cell")


def _shared(folder: Path, histories: dict[str, list[Record]]) -> int:
    """How many records of a fork are those of a run that was walked before it."""
    if not (folder / "fork.json").is_file():
        return 0
    fork = read_json(folder / "fork.json", shape=FORK)
    own, count = read_history(folder / "history.jsonl"), fork["round"] + 1
    parent = histories.get(fork["of"].partition("/")[2], [])
    beginnings = [[replace(record, seconds=0.0) for record in records[:count]] for records in (own, parent)]
    return count if beginnings[0] == beginnings[1] else 0


def require_own_result(folder: Path) -> list[Record]:
    """The history of a finished search. Raises RunError unless `result.json` is what came of it.

    The final values are looked up again where a table gives them and is on this machine.
    """
    config, result, records = (
        read_config(folder), read_result(folder), read_history(folder / "history.jsonl"),
    )  # fmt: skip
    asked = config["search"]["rounds"] + 1
    if len(records) != asked:
        raise RunError(f"its history holds {len(records)} of {asked} evaluations")
    best = Repository(records=records).best()
    own = {"architecture": best.architecture, "round": best.round, "score": best.score, "evaluations": asked}
    differing = [name for name, value in own.items() if result.get(name) != value]
    run = config["run"]
    if (table := _table(run["space"], run["task"])) and table.source.name == config["data"]["name"]:
        parse = get_space(run["space"]).parse
        if wrong := [record.round for record in records if table(parse(record.architecture)).score != record.score]:
            raise RunError(f"the score of round {wrong[0]} in its history is not the benchmark's")
        final = table.final(parse(best.architecture))
        differing += [name for name, value in final.items() if result["final"].get(name) != value]
    if differing:
        raise RunError(f"its result.json is not what its history led to ({', '.join(differing)})")
    return records


@cache
def _table(space: str, task: str) -> Any:
    """The benchmark's table, None where a space has none or it is not on this machine."""
    try:
        return get_evaluator("tabular", space=space, task=task)
    except (AssetError, UnknownName):
        return None


def mark_replayed(table: Table, walked: dict[str, bool], kept: str) -> None:
    """Mark the cells of searches as replayed. walked: place of a search -> whether its transcript was walked."""
    columns = {*ablation_tables.OURS, *ablation_tables.SURROGATE} if table.name in ("table5", "table6") else None
    read = [was for place, was in walked.items() if place.split("/")[1] in TABLES[table.name]]
    alone = f", {read.count(False)} of {len(read)} searches by their histories alone" if False in read else ""
    how = f"replayed from {kept}{alone}"
    for label, _, cells in table.rows:
        for at, (column, cell) in enumerate(zip(table.columns, cells, strict=True)):
            ours = column in columns if columns is not None else label.startswith("SEKI, ours")
            if ours and cell.provenance == "measured":
                cells[at] = replace(cell, provenance="replayed", detail="; ".join(filter(None, (how, cell.detail))))


def _edition(kept: Path, profile: Profile) -> Edition:
    """The edition that made the kept folder, if it says so; else the profile's own with all data."""
    noted = kept / "edition.json"
    if noted.is_file():
        return replace(read_edition(read_json(noted)), profile=profile)
    return Edition(profile, "local:smollm2-135m", profile.seeds, profile.trans101_seeds)


def _bring(folder: Path, kept: Path, home: Home, histories: dict[str, list[Record]]) -> Replayed:
    """Copy a kept search that comes out again: its result is its history's, and its history that of its transcript.

    histories: of the searches that were walked before, by place; this one's is added. What a fork shares with one of
    them is not walked twice.
    """
    place, rounds, walked = folder.relative_to(kept).as_posix(), 0, any(folder.glob("transcript.jsonl*"))
    try:
        records = require_own_result(folder)
        rounds = len(records) - 1
        if walked:
            walk(folder, _shared(folder, histories))
            histories[place] = records
    except SekiError as error:
        return Replayed(place, rounds, walked, f"left out: {error}")
    except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:  # a file that somebody damaged
        return Replayed(place, rounds, walked, f"left out: a file of it is damaged ({type(error).__name__}: {error})")
    with on_disk(home.folder / place):
        shutil.copytree(folder, home.folder / place)
    return Replayed(place, rounds, walked)


def _tables(makers: dict[str, Callable[[], Table]], edition: Edition, say: Callable[[str], None]) -> Iterator[Table]:
    """The tables that can be made from what is on this machine."""
    for name, make in makers.items():
        try:
            yield _made(name, make, edition)
        except AssetError as error:
            say(f"{name}: not run: {error}")


def _makers(
    edition: Edition, results: Path, chance: "Callable[[], tuple[ablation_tables.Chance, str]]"
) -> dict[str, Callable[[], Table]]:
    """Table -> what makes it from the searches in the folder. chance: as `_by_chance` returns it."""
    variant = f"evaluator={edition.surrogate}"
    by_llms = by_llm(Home(results, edition.name).finished_searches("darts", "cifar10", variant=variant))
    more = {"darts_by_surrogate": partial(_by_surrogate, edition, results, by_llms)} if by_llms else {}
    return more | {
        "table3": partial(_table3, edition, results),
        "table4": partial(_table4, edition, results),
        "table7": partial(_table7, edition, results),
        "table5": lambda: _ablations(5, edition, results, *chance()),  # last: chance takes its time
        "table6": lambda: _ablations(6, edition, results, *chance()),
    }


def _made(name: str, make: Callable[[], Table], edition: Edition) -> Table:
    """A table; of Tables 3 and 4, the paper's rows with the reason if there are none of ours."""
    try:
        return make()
    except (AssetError, RunError) as error:
        if name == "table4":
            return benchmark_tables.table4_not_run(edition.name, str(error))
        if name != "table3":
            raise
        table = Table.beside_paper(
            3, f"NAS-Bench-201, top-1 accuracy (%), profile {edition.name}", benchmark_tables.COLUMNS3
        )
        table.add("SEKI, ours", dict.fromkeys(benchmark_tables.COLUMNS3, not_run(str(error))))
        return table


def _runs(edition: Edition, results: Path, space: str, task: str, evaluator: Any) -> list[SearchResult]:
    seeds = edition.seeds if space == "nas201" else edition.trans101_seeds
    specs = [RunSpec(space, task, edition.llm, edition.name, seed) for seed in seeds]
    return benchmark_tables.finished_results(specs, results, evaluator.source)


def _table3(edition: Edition, results: Path) -> Table:
    evaluator = get_evaluator("tabular", space="nas201", task="cifar10")
    runs, evaluations = _runs(edition, results, "nas201", "cifar10", evaluator), edition.profile.rounds + 1
    baselines = baseline_runs("nas201", "cifar10", edition.profile, results, evaluations=evaluations)
    return benchmark_tables.table3(runs, baselines, evaluator.best())


def _table4(edition: Edition, results: Path) -> Table:
    evaluators = {task: get_evaluator("tabular", space="trans101", task=task) for task in TRANS101}
    runs = {task: _runs(edition, results, "trans101", task, evaluators[task]) for task in TRANS101}
    evaluations = edition.profile.rounds + 1
    baselines = {
        task: baseline_runs("trans101", task, edition.profile, results, evaluations=evaluations) for task in TRANS101
    }
    methods = benchmark_tables.baseline_methods(baselines, evaluators)
    return benchmark_tables.table4(benchmark_tables.searched_method(runs, evaluators), methods, evaluators, runs)


def _table7(edition: Edition, results: Path) -> Table:
    try:
        tables = {task: get_evaluator("tabular", space="trans101", task=task) for task in TRANS101}
    except AssetError:
        tables = {}  # its average ranks stay empty
    without_llm = found_without_llm(edition.profile, results)
    return table7(results, edition.name, without_llm, surrogate=edition.surrogate, trans101=tables)


def _by_surrogate(edition: Edition, results: Path, searches: dict[str, list[SearchResult]]) -> Table:
    profile, seeds = edition.profile, by_surrogate.baseline_seeds(edition.profile)
    where, evaluations = ("darts", "cifar10", profile, results), profile.rounds + 1
    baselines = baseline_runs(*where, evaluations=evaluations, evaluator=edition.surrogate, seeds=seeds)
    return by_surrogate.surrogate_table(searches, baselines, profile.name)


def _ablations(number: int, edition: Edition, results: Path, chance: ablation_tables.Chance, source: str) -> Table:
    settings = {*ablation_tables.paper_settings(number), PAPER_BEST}
    own = {
        kind: {setting: found for setting, found in chance[kind].items() if setting in settings}
        for kind in ablation_tables.ABLATIONS[number].chance
    }
    spec = RunSpec("darts", "cifar10", edition.llm, edition.name, 0)
    return ablation_tables.ablation_table(number, spec, edition.profile, results, own, source)


def _by_chance(edition: Edition) -> tuple[ablation_tables.Chance, str]:
    """What Tables 5 and 6 say of searches without an LLM, and which judge scored them."""
    name = edition.surrogate if locate("yahpo_nb301") else "surrogate:ridge"
    judge, space = get_evaluator(name, space="darts", task="cifar10"), get_space("darts")
    wanted: dict[str, list[Setting]] = {}
    for number, ablation in ablation_tables.ABLATIONS.items():
        for kind in ablation.chance:
            wanted.setdefault(kind, []).extend(ablation_tables.paper_settings(number))
    found = {kind: by_chance(kind, judge, space, each, edition.chance_seeds) for kind, each in wanted.items()}
    return found, judge.source.sentence
