"""One search on disk: `<results>/<profile>/searches/<space>/<task>/<llm>/<variant>/seed=<n>/`.

- `config.json`       everything that decides the run, and the prices at which its calls were counted
- `transcript.jsonl`  every LLM call
- `history.jsonl`     every evaluated architecture
- `result.json`       the final cell and its test values, read once, when all rounds are done
- `prompts/`          the templates, as they were
- `fork.json`         for a fork: the run and the round that it goes on from

The same command goes on where a killed run stopped, and asks the LLM nothing that was answered.
"""

import glob
import os
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict, replace
from itertools import islice
from pathlib import Path
from typing import Any

from . import __version__
from .evaluators import by_supernet, get_evaluator
from .files.errors import LLMError, RunError, SettingError
from .files.fingerprint import fingerprint, set_aside
from .files.jsonl import is_there, read_text, write_json, write_lines, write_text
from .files.lock import locked
from .files.run_folder import read_config, read_requests, require_own_history
from .files.user_input import variant_of
from .llm import get_llm
from .llm.budget import Budget
from .llm.prices import in_force
from .llm.transcript import Recorder, totals
from .profiles import Profile
from .prompts import VARIABLES, Prompts
from .results import RunSpec, differences, is_finished
from .search import Record, Repository, Search, SearchConfig, Step, initial_architecture
from .search.arms import get_arm
from .search.questions import rehearse
from .search.replies import ALLOW, is_led_by_chance, require_llm
from .spaces import get_space

GO_ON = "Remove it and history.jsonl: the same command goes on from the answers in transcript.jsonl"


def search_config(profile: Profile, llm: Any, seed: int, **changes: Any) -> SearchConfig:
    """The profile's sizes, asked the way this LLM likes to be asked; a replayed LLM brings the settings of its run."""
    if llm.recorded:
        try:
            config = SearchConfig(**llm.recorded["search"])
        except TypeError as error:
            raise RunError(f"{llm.name} has settings that no search has ({error}): another version made it.") from None
        return replace(config, seed=seed, **changes)
    config = SearchConfig(rounds=profile.rounds, lam=profile.lam, k=profile.k, xi=profile.xi, seed=seed)
    return replace(config, **{"notation": llm.notation, "strategy": llm.strategy} | changes)


def search_run(
    spec: RunSpec,
    profile: Profile,
    results: Path,
    *,
    prompts: Prompts | None = None,
    until: int | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
    **changes: Any,
) -> Path:
    """Run one search to its end, or go on with it; returns its folder.

    until: stop after this round; the same call goes on later, and what shares these rounds can fork meanwhile. changes:
    fields of SearchConfig that differ from the profile's. A run that other code made or began, and a finished one of
    other defaults, is set aside and run anew, with the answers that fit. Raises RunError if the folder is in use or was
    made with other settings, FallbackError if chance leads the search, UnknownName, AssetError or LLMError.
    """
    asked = _Run(with_prompts(spec, prompts), profile, results, prompts, changes)
    asked.make_way({*changes} if prompts is None else {*changes, *VARIABLES})
    with locked(asked.folder):
        search = asked.open(Repository(asked.folder / "history.jsonl"))
        done = len(search.repository.records)
        rounds = asked.arm.rounds(search)
        for step in islice(rounds, None if until is None else max(0, until + 1 - done)):
            on_step(step)
        _finish(asked.folder, search)
    return asked.folder


def make_way(spec: RunSpec, profile: Profile, results: Path, **changes: Any) -> None:
    """Set a run aside that today's code or settings would not make. Arguments: as `search_run`."""
    _Run(spec, profile, results, None, changes).make_way({*changes})


@contextmanager
def walk(
    spec: RunSpec, profile: Profile, results: Path, *, prompts: Prompts | None = None, **changes: Any
) -> Iterator[Search]:
    """The same run to be walked from α0 on, as notebooks do: S lives in memory, answers are shared with the run.

    What the run's transcript holds is not asked again, and what is asked here is there for `search_run`. A run that was
    begun with other code, and not finished, is set aside; its answers are taken over.
    """
    asked = _Run(with_prompts(spec, prompts), profile, results, prompts, changes)
    if not is_finished(asked.folder):
        asked.make_way({*changes})
    with locked(asked.folder):
        yield asked.open(Repository())


def rerun(
    spec: RunSpec,
    profile: Profile,
    results: Path,
    *,
    round: int,
    prompts: Prompts | None = None,
    rounds: int | None = None,
    llm: str = "",
    **changes: Any,
) -> Iterator[Step]:
    """Fork a run: its rounds before `round` are shared and not paid for again, from there on it goes its own way.

    The fork is a run of its own, `<variant>,from=<round>`; asked for again it comes from its transcript. rounds: how
    many to run, or None for the rest. llm: who is asked from there on, if not the run's own. changes: settings that
    differ from there on. Raises RunError if the run does not reach so far, and as `search_run`.
    """
    parent, shared = spec.folder(results), first_rounds(spec, profile, results, round)
    variant = variant_of(changes | ({"prompts": prompts.hash} if prompts else {}) | {"from": round})
    own = f"{spec.variant}," if spec.variant != "default" or variant.startswith("from=") else ""
    fork = replace(spec, llm=llm or spec.llm, variant=own + variant)
    asked, folder = _Run(fork, profile, results, prompts or kept_prompts(parent), changes), fork.folder(results)
    asked.make_way({*changes})
    with locked(folder):
        on_disk = Repository(folder / "history.jsonl")
        pairs = zip(on_disk.records, shared, strict=False)  # two walks differ in the seconds that they measured
        if any(replace(one, seconds=other.seconds) != other for one, other in pairs):
            raise RunError(f"{folder} was forked from another history of {parent}. Remove the folder to start anew.")
        if not on_disk.records:
            write_json(folder / "fork.json", {"of": os.path.relpath(parent, results), "round": round})
        for record in shared[len(on_disk.records) :]:
            on_disk.append(record)
        search = asked.open(Repository(records=shared))
        for step in islice(asked.arm.rounds(search), rounds):
            if len(on_disk.records) == step.record.round:
                on_disk.append(step.record)
            yield step
        _finish(folder, search)


def fork_run(
    spec: RunSpec,
    of: RunSpec,
    profile: Profile,
    results: Path,
    *,
    round: int,
    on_step: Callable[[Step], None] = lambda step: None,
    **changes: Any,
) -> Path:
    """A run that shares the rounds up to `round` of another one of the same seed; returns its folder.

    They are copied with their LLM calls, and from then on it is a run like any other, whose history equals that of a
    separate one: what self-evolution does depends on neither λ, k nor ξ, and every random choice on its place only.
    Raises RunError if the other run does not reach so far or differs in anything but `changes`.
    """
    folder, parent, asked = spec.folder(results), of.folder(results), _Run(spec, profile, results, None, changes)
    asked.make_way({*changes})
    with locked(folder):
        if not (folder / "history.jsonl").exists():
            _require_common(parent, asked.description, round, of.command(results))
            shared = first_rounds(of, profile, results, round + 1)
            calls = [line for line in read_requests(parent / "transcript.jsonl") if (line["round"] or 0) <= round]
            write_json(folder / "fork.json", {"of": os.path.relpath(parent, results), "round": round})
            known = {call["key"] for call in calls}  # what a notebook asked here before stays: it was paid for
            calls += [line for line in read_requests(folder / "transcript.jsonl") if line["key"] not in known]
            write_lines(folder / "transcript.jsonl", calls)
            write_lines(folder / "history.jsonl", [asdict(record) for record in shared])
    return search_run(spec, profile, results, on_step=on_step, **changes)


AFTER_SELF_EVOLUTION = ("rounds", "lam", "k", "xi")  # settings that its rounds do not depend on


def _require_common(parent: Path, here: dict[str, Any], round: int, command: str) -> None:
    """Raise RunError, with the next `command`, unless both runs must be the same up to this round of self-evolution."""
    if not (parent / "config.json").exists():
        raise RunError(f"{parent} holds no run to fork from: run it first.")
    there = read_config(parent)
    free = {"run.variant", *(f"search.{name}" for name in AFTER_SELF_EVOLUTION)}
    differing = [key for key in differences(there, here) if key not in free]
    if differing:
        why = f"it was made with other settings ({', '.join(differing)})"
        raise RunError(f"{parent} cannot be forked: {why}. Next: {command}")
    if round > min(there["search"]["lam"], here["search"]["lam"]):
        raise RunError(f"{parent} shares its rounds of self-evolution only, which end before round {round}.")


def first_rounds(spec: RunSpec, profile: Profile, results: Path, count: int) -> list[Record]:
    """The records of rounds 0 to count - 1, from the run's history or, where it was only walked, from its transcript.

    Raises RunError if the run does not reach so far.
    """
    folder = spec.folder(results)
    records = Repository(folder / "history.jsonl").records[:count]
    if 1 <= count <= len(records):
        return records
    if count >= 1 and is_there(folder / "transcript.jsonl"):
        with walk(spec, profile, results, prompts=kept_prompts(folder)) as search:
            earlier = _earlier_transcripts(folder, read_config(folder))
            search.llm = Recorder(folder / "transcript.jsonl", None, earlier=earlier)
            try:
                records = [step.record for _, step in zip(range(count), get_arm(spec.arm).rounds(search), strict=False)]
            except LLMError:
                records = search.repository.records
        if len(records) == count:
            return records
    raise RunError(f"{folder} has {len(records)} rounds (α0 counts as one), too few to go on from round {count}.")


def kept_prompts(folder: Path) -> Prompts | None:
    """The templates of a run that are not the default ones, or None."""
    paths = {stage: folder / "prompts" / f"{stage}.md.j2" for stage in VARIABLES}
    if not paths["critique"].exists():
        return None
    default = Prompts.load(read_config(folder)["llm"]["templates"])
    own = {stage: read_text(path) for stage, path in paths.items() if path.exists()}
    prompts = Prompts(default.texts | own)  # a stage that the kit has since then is the default one
    return None if prompts == default else prompts


def with_prompts(spec: RunSpec, prompts: Prompts | None) -> RunSpec:
    """A run with edited prompts is a variant that carries their hash, unless it has a name already."""
    if prompts is None or spec.variant != "default":
        return spec
    return replace(spec, variant=f"prompts={prompts.hash}")


def evaluator_of(spec: RunSpec, results: Path) -> Any:
    """What scores the cells of a run: the evaluator it names, else its space's own."""
    name = spec.evaluator or get_space(spec.space).evaluator
    options: dict[str, Any] = {}
    if by_supernet(name):  # the one that the profile trained
        options |= {"profile": spec.profile, "results": results, "supernet": spec.supernet}
    if name.partition(":")[0] == "oneshot":
        options["bn"] = spec.bn or "batch"
    return get_evaluator(name, space=spec.space, task=spec.task, **options)


def code_of(space: str, evaluator: str, arm: str) -> str:
    """A hash of the code that decides a search. evaluator: empty for the space's own; arm: empty for SEKI."""
    module = (evaluator or get_space(space).evaluator).partition(":")[0]
    arms = ("search.arms", "spaces.nas201.presented") if arm else ()
    return fingerprint("search.algorithm", f"spaces.{space}", f"evaluators.{module}", *arms)


class _Run:
    """A run as it is asked for. Every name and setting is checked before anything is written."""

    def __init__(
        self, spec: RunSpec, profile: Profile, results: Path, prompts: Prompts | None, changes: dict[str, Any]
    ):
        self.spec, self.results, self.folder, self.changes = spec, results, spec.folder(results), changes
        self.evaluator, self.llm, self.arm = evaluator_of(spec, results), get_llm(spec.llm), get_arm(spec.arm)
        self.space = self.arm.space(get_space(spec.space), spec.seed)
        self.prompts = prompts or Prompts.load(self.llm.templates, **self.llm.texts)  # a replay brings those of its run
        if not spec.arm or prompts is None:  # what is kept of an arm is its own already
            self.prompts = self.arm.prompts(self.prompts, self.llm.templates)
        settings = {**self.arm.settings(profile.rounds), **changes}
        self.config = config = search_config(profile, self.llm, spec.seed, **settings)
        self.space.notation(config.notation)
        initial_architecture(self.space, config.alpha0, config.seed)
        if prompts is not None:
            rehearse(Search(self.space, self.evaluator, self.llm, self.prompts, Repository(), config))
        spec.require_true_name({**asdict(config), "prompts": self.prompts.hash})
        source = self.evaluator.source
        self.description: dict[str, Any] = {  # what decides it, as `config.json` holds it; the version is for readers
            "run": {name: value for name, value in asdict(spec).items() if value != ""},
            "search": asdict(config),
            "llm": {"name": self.llm.name, "templates": self.llm.templates, **self.llm.settings},
            "prompts": self.prompts.hashes,
            "data": {"name": source.name, "sha256": source.sha256, "sentence": source.sentence},
            "asked": {"task": self.evaluator.task, "metric": self.evaluator.called},
            "code": code_of(spec.space, spec.evaluator, spec.arm),
            "version": __version__,
        }

    def make_way(self, asked_for: set[str]) -> None:
        """Set a run aside that today's code, prompts or data would not make; one only begun, if its code alone differs.

        asked_for: settings of the caller. A run that differs in one of them stays where it is: `claim` refuses to go on
        with it. So does one of a name without "=", which may stand for any setting that the caller forgot.
        """
        if not (self.folder / "config.json").exists():
            return
        there = read_config(self.folder, GO_ON)
        differing, finished = differences(there, self.description), is_finished(self.folder)
        if not finished and differing and not is_there(self.folder / "transcript.jsonl"):  # nothing was asked yet
            with locked(self.folder):
                for name in ("history.jsonl", "config.json"):
                    (self.folder / name).unlink(missing_ok=True)
            return
        if not finished and differing != ["code"]:  # other settings of a half-done run: a mistake, which `claim` names
            return
        if self.spec.variant != "default" and "=" not in self.spec.variant:
            asked_for = asked_for | {*self.description["search"], *VARIABLES}
        if differing and not {name.rpartition(".")[2] for name in differing} & asked_for:
            with locked(self.folder):
                kept = set_aside(self.folder, str(there.get("code")))
            names = ", ".join(differing)
            print(f"{self.folder} was made by other code or settings ({names}): kept as {kept}, and run anew.")

    def open(self, repository: Repository) -> Search:
        """The search, in a folder that this process holds: it asks the LLM only what the transcript does not hold."""
        allowed, folder = _fallbacks_allowed(), self.folder
        recorder = Recorder(folder / "transcript.jsonl", None, name=self.llm.name)  # a finished transcript is read-only
        if not is_finished(folder):
            self.evaluator.load()  # now, so that a missing file is reported before we write a folder or call the LLM
        self.claim()
        if not is_finished(folder):
            for stage in VARIABLES:  # the texts themselves, so that a replay does not depend on today's defaults
                write_text(folder / "prompts" / f"{stage}.md.j2", self.prompts.text(stage))
            earlier = _earlier_transcripts(folder, self.description)
            if self.spec.arm:  # where it asks what SEKI asked, SEKI's answers are taken over
                own = replace(self.spec, variant="default", arm="").folder(self.results)
                earlier += [own / "transcript.jsonl"]
            budget = Budget(self.results / self.spec.profile)
            recorder = Recorder(recorder.path, self.llm, budget=budget, earlier=earlier)
        first = self.space.format(initial_architecture(self.space, self.config.alpha0, self.config.seed))
        require_own_history(folder, [one.architecture for one in repository.records], first, self.config.rounds + 1)
        search = Search(self.space, self.evaluator, recorder, self.prompts, repository, self.config)
        search.allow_fallbacks = is_finished(folder) or allowed
        require_llm(search, recorder.last_reply)
        return search

    def claim(self) -> None:
        """Write config.json, or make sure that the folder was made with the same settings."""
        folder, path, price = self.folder, self.folder / "config.json", in_force(self.llm.name, hosted=self.llm.hosted)
        if not path.exists():
            write_json(path, self.description | ({"prices": [price]} if price else {}))
            return
        there = read_config(folder, GO_ON)
        if not (differing := differences(there, self.description)):
            if "asked" not in there:  # made before runs kept it
                there = there | {"asked": self.description["asked"]}
                write_json(path, there)
            if price and price not in (known := there.get("prices", [])) and not is_finished(folder):
                write_json(path, there | {"prices": [*known, price]})  # each call was paid at the price of its day
            return
        if differing == ["code"]:  # it is finished, and to be walked only
            edited = not self.spec.arm and kept_prompts(folder)
            own = {stage: folder / "prompts" / f"{stage}.md.j2" for stage in VARIABLES} if edited else {}
            command = self.spec.command(self.results, {**self.changes, **own})
            raise RunError(
                f"{folder} was made by other code. Next: {command}  (it runs anew, and this run stays beside it)"
            )
        raise RunError(
            f"{folder} was made with other settings ({', '.join(differing)} in config.json). "
            "Choose another --variant, or move the folder away to start anew."
        )


def _fallbacks_allowed() -> bool:
    """Whether the user lets searches go on that chance leads. Raises SettingError for what is neither 0 nor 1."""
    text = os.environ.get(ALLOW, "").strip()
    if text not in ("", "0", "1"):
        raise SettingError(f"{ALLOW}={text}: 1 lets searches go on that random neighbours lead, 0 stops them")
    return text == "1"


def _earlier_transcripts(folder: Path, description: dict[str, Any]) -> list[Path]:
    """Transcripts of runs that were set aside from here: what the same LLM answered there is not asked again."""
    aside = sorted(folder.parent.parent.glob(f"{glob.escape(folder.parent.name)},code=*/{folder.name}/config.json"))
    same = [path for path in aside if read_config(path.parent)["llm"] == description["llm"]]
    return [path.with_name("transcript.jsonl") for path in same]


def reaches(folder: Path, round: int) -> bool:
    """Whether a run's history holds this round; another process may be going on with it."""
    return len(Repository(folder / "history.jsonl").records) > round


def _finish(folder: Path, search: Search) -> None:
    """Once all rounds were run: read the final cell, test values too, and close the run. This is done once."""
    if len(search.repository.records) <= search.config.rounds or is_finished(folder):
        return
    best = search.repository.best()
    arch = search.space.parse(best.architecture)
    caveat = search.evaluator.caveat(arch)
    result = {
        "architecture": best.architecture,
        "round": best.round,
        "score": best.score,
        "evaluations": len(search.repository.records),
        "final": search.evaluator.final(arch),
        **({"caveat": caveat} if caveat else {}),
        "how": dict(Counter(record.how for record in search.repository.records)),
        "mostly_fallback": is_led_by_chance(search.repository.records, search.config.rounds),
        "distinct": len({record.canonical for record in search.repository.records}),
        **totals(folder / "transcript.jsonl"),
    }
    write_json(folder / "result.json", result)
