"""The commands of `seki`: each is a dataclass whose fields are its options, and `run` does what its docstring says.

The comment beside a field is its help. None, or an empty text, stands for what the profile says.
"""

import importlib
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, fields, replace
from functools import cache, partial
from pathlib import Path
from typing import Any

import tyro
from tyro.conf import Positional

from ..evaluators import by_supernet, get_evaluator
from ..files.checkout import RESULTS, ROOT, require_checkout
from ..files.errors import SettingError, look_up
from ..files.jsonl import write_json
from ..files.lock import locked
from ..files.run_folder import read_result
from ..files.user_input import listed_names, variant_of
from ..forks import run_longest, run_settings
from ..llm import get_llm
from ..llm.budget import Budget
from ..llm.transcript import Recorder
from ..loggers import VARIABLE, Log, on_epoch
from ..paper.settings import Setting, full_grid, k_xi_settings, lambda_settings, require_full_grid
from ..profiles import get_profile, parse_seeds
from ..prompts import VARIABLES, prompts_from
from ..results import Home, RunSpec
from ..runs import search_run, with_prompts
from ..search import SearchConfig, Step
from ..search.arms import get_arm
from ..search.memory import ask_memory
from ..spaces import get_space
from ..training.protocol import SupernetSpec, TrainingSpec, dataset_at_hand, named_architecture, training_protocol
from . import options as option
from .bounds import stages_left, warn_of_bounds
from .command import Bounded, Logged, claim
from .data import ACTIONS
from .finished import Compare, Cost, Page, Replay, Show
from .notebook import execute, find_notebook, read_parameters

SEEDS_A_SET = 200  # seeds of a profile's baselines for one ranking of cells: 10 in the laptop, 1 in smoke


@dataclass(frozen=True, kw_only=True)
class Searched(Bounded, Logged):
    """A command that searches."""

    space: option.SpaceName = "nas201"
    task: str = "cifar10"  # of the space, such as cifar10 or imagenet
    seed: option.Count = 0  # decides all that is drawn by chance
    evaluator: str = ""  # what gives f(α) in place of the space's own: surrogate, oneshot:loss, zero_cost:naswot, …
    supernet: option.SupernetKind = ""
    bn: str = ""  # "accumulated": f(α) with the BN statistics of the training in place of the batch's

    def spec(self, variant: str) -> RunSpec:
        """The run that this command makes. Raises SettingError for options that its space would pass over."""
        kind = self.evaluator or get_space(self.space).evaluator
        if (self.supernet and not by_supernet(kind)) or (self.bn and kind.partition(":")[0] != "oneshot"):
            raise SettingError(
                "--supernet works where a supernet gives the score (darts, darts_rnn, --evaluator oneshot), --bn only "
                "with the evaluator oneshot. Leave it out."
            )
        read_from = (self.supernet, self.bn, self.evaluator)
        return RunSpec(self.space, self.task, self.llm, self.profile, self.seed, variant, *read_from)


@dataclass(frozen=True, kw_only=True)
class SearchCommand(Searched):
    """Search by Algorithm 1, or go on with a search that was stopped. What is not given is set by the profile."""

    variant: option.FolderName = "default"  # name of this search; "default" names it by what was given
    arm: option.ArmName = ""
    alpha0: str = ""  # the first cell: "random", drawn from the seed; "all-3x3" or "all-skip"; or the text of a cell
    rounds: option.MaybeCount = None  # n, rounds of the search
    lam: option.MaybeCount = None  # λ, rounds of self-evolution
    k: option.MaybePositive = None  # best cells that inspiration draws from
    xi: option.MaybePositive = None  # ξ, cells shown to the LLM a round
    notation: str = ""  # how prompts spell operations
    strategy: str = ""  # OS in "free" words, one single "edit", or one that is "reasoned" in words
    novelty: bool | None = None  # whether a cell that was seen before is asked for again
    permute_words: bool | None = None  # control: shuffle what the words mean
    critique: option.MaybePath = None  # file with the template in place of prompt C
    refine: option.MaybePath = None  # file with the template in place of prompt D
    inspire: option.MaybePath = None  # file with the template in place of prompt E

    @classmethod
    def of_the_search(cls) -> list[str]:
        """Its options that are fields of SearchConfig, in the order in which a run is named by them; not the seed."""
        settings = {field.name for field in fields(SearchConfig)} - {"seed"}
        return [field.name for field in fields(cls) if field.name in settings]

    def run(self) -> None:
        self.bound()
        prompts = prompts_from(self.llm, {stage: getattr(self, stage) for stage in VARIABLES})
        read_from = self.given("evaluator", "supernet", "bn", "arm")
        changes = self.given(*self.of_the_search())
        if self.arm and (prompts or not get_arm(self.arm).asks):
            raise SettingError(
                "--arm cannot be given with templates, since it brings its own."
                if prompts
                else f"the arm {self.arm} asks no LLM: notebook 21 runs it for many seeds in a few seconds."
            )
        variant = variant_of(read_from | changes) if self.variant == "default" else self.variant
        spec, profile = replace(self.spec(variant), arm=self.arm), get_profile(self.profile)
        folder = with_prompts(spec, prompts).folder(self.results)
        with Log(self.loggers, folder) as log:
            sizes: dict[str, Any] = {"rounds": profile.rounds, "lam": profile.lam}
            sizes |= {**get_arm(self.arm).settings(profile.rounds), **changes}
            left = stages_left(folder, sizes["rounds"], sizes["lam"])
            warn_of_bounds(self.llm, {self.space: left}, Home(self.results, self.profile))

            def on_step(step: Step) -> None:
                print(f"seed {self.seed}  {step}", flush=True)
                log.step(step)

            folder = search_run(spec, profile, self.results, prompts=prompts, on_step=on_step, **changes)
        if caveat := read_result(folder).get("caveat"):
            print(f"seed {self.seed}  {caveat}")
        print(f"seed {self.seed}  done: {folder}")


@dataclass(frozen=True, kw_only=True)
class Memory(Bounded):
    """What an LLM knows of NAS-Bench-201 without a search: recall, and blind rankings of cells; resumable."""

    def run(self) -> None:
        self.bound()
        profile, llm, home = get_profile(self.profile), get_llm(self.llm), Home(self.results, self.profile)
        folder = home.memory("nas201", self.llm)
        with locked(folder):
            claim(folder, {"llm": {"name": llm.name, **llm.settings}})
            recorder = Recorder(folder / "transcript.jsonl", llm, budget=Budget(home.folder))
            evaluator = get_evaluator("tabular", space="nas201", task="cifar10")
            found = ask_memory(recorder, evaluator, sets=max(1, profile.baseline_seeds // SEEDS_A_SET))
            data = {"name": evaluator.source.name, "sentence": evaluator.source.sentence}
            write_json(folder / "result.json", {"llm": self.llm, "data": data, **found})
        print(f"done: {folder}")


@dataclass(frozen=True, kw_only=True)
class Ablations(Searched):
    """Run the settings of Tables 5 and 6 for one seed, as forks of one self-evolution; resumable.

    With --lam, --k or --xi only this setting; what is not given is the profile's.
    """

    space: option.SpaceName = "darts"
    lam: option.MaybeCount = None  # λ, rounds of self-evolution
    k: option.MaybePositive = None  # best cells that inspiration draws from
    xi: option.MaybePositive = None  # ξ, cells shown to the LLM a round
    until: option.MaybeCount = None  # only the self-evolution that all settings fork from, until this round
    full: bool = False  # all settings of the paper in place of the profile's

    def run(self) -> None:
        self.bound()
        settings, chosen = get_profile(self.profile), self.given("lam", "k", "xi")
        if self.full:
            require_full_grid(settings)
            settings = full_grid(settings)
        wanted = [*lambda_settings(settings), *k_xi_settings(settings)]
        if chosen:
            wanted = [Setting(**{"lam": settings.lam, "k": settings.k, "xi": settings.xi} | chosen)]
            SearchConfig(rounds=settings.rounds, lam=settings.lam, k=wanted[0].k, xi=wanted[0].xi)  # before any work
        spec = self.spec(variant_of(self.given("evaluator", "supernet", "bn")))

        names, logs = self.loggers, ExitStack()

        @cache
        def log_of(setting: Setting) -> Log:
            return logs.enter_context(Log(names, setting.spec(spec, settings).folder(self.results)))

        def on_step(setting: Setting, step: Step) -> None:
            print(f"seed {self.seed}  λ={setting.lam} k={setting.k} ξ={setting.xi}  {step}", flush=True)
            log_of(setting).step(step)

        if self.until is not None:
            if chosen:
                raise SettingError("--until cannot be given with --lam, --k or --xi: leave them out.")
            with logs:
                reached = run_longest(spec, settings, self.results, until=self.until, on_step=on_step)
            print(f"seed {self.seed}  reached: {reached}")
            return
        with logs:
            folders = run_settings(spec, settings, self.results, wanted, on_step=on_step)
        for folder in folders:
            print(f"seed {self.seed}  done: {folder}")


@dataclass(frozen=True, kw_only=True)
class Trained(Logged):
    """A command that trains."""

    space: option.SpaceName = "darts"
    dataset: option.DatasetName = ""
    seed: option.Count = 0  # decides all that is drawn by chance
    device: str = "auto"  # auto, cpu, cuda or cuda:<number>
    epochs: option.MaybePositive = None  # in place of the profile's, as all that follow
    batch: option.MaybePositive = None  # samples a step, of all processes together
    lr: option.MaybeRate = None  # learning rate
    precision: str = ""  # fp32 or bf16
    workers: option.MaybeProcesses = None  # processes that decode ImageNet's files

    @property
    def wanted(self) -> str:
        """The data set that was asked for."""
        return self.dataset or get_space(self.space).dataset

    @property
    def changes(self) -> dict[str, Any]:
        """The settings that differ from the profile's, without those that decide only how fast it goes."""
        return self.given("epochs", "batch", "lr", "precision")

    def changed(self, config: Any) -> Any:
        """The profile's settings with those that were given. Raises SettingError for one that they do not have."""
        given = self.changes | self.given("workers")
        lacking = given.keys() - {field.name for field in fields(config)}
        if "workers" in lacking:
            raise SettingError("--workers: these data lie in memory; only ImageNet's files are decoded by processes")
        if lacking:
            raise SettingError(f"a training in {self.space} has no setting {', '.join(sorted(lacking))}")
        return replace(config, **given)

    def at_hand(self, config: Any) -> str:
        """The data set that is trained on; says so where another one takes the place of the one asked for."""
        wanted, found = self.wanted, dataset_at_hand(self.wanted, config)
        if found == "imagenet_sample" != wanted:
            self.say(f"{wanted}: this profile takes 200 of its classes at 64 pixels, {found}")
        elif found != wanted:
            self.say(f"{wanted} is not on this machine: {found} take its place (seki data fetch {wanted})")
        return found

    def trainer(self, module: str) -> Any:
        """The module of `training`, imported when it is needed: it brings torch along.

        Raises SettingError for a device that is not here.
        """
        from ..training.machine import choose_device

        choose_device(self.device)
        return importlib.import_module(f"seki_lib.training.{module}")

    def say(self, line: str) -> None:
        """Print a line, unless this is one of several processes and not the first."""
        if os.environ.get("RANK", "0") == "0":
            print(line, flush=True)

    def train(self, run: Callable[..., Any], spec: Any, config: Any, name: str) -> Any:
        """Run a training to its end; a line an epoch."""
        from ..training.distributed import leave

        folder, say = spec.folder(self.results), partial(print, f"{name} ", flush=True)
        with Log(self.loggers, folder) as log:
            result = run(spec, self.results, config, device=self.device, say=on_epoch(folder, log.epoch, say))
        leave()
        return result


@dataclass(frozen=True, kw_only=True)
class Train(Trained):
    """Train a cell from scratch, or go on with a training that was stopped: a line an epoch, resumable.

    On many GPUs, with the same batch over all of them: torchrun --nproc_per_node=8 -m seki_lib.app.cli train …
    """

    arch: option.CellText
    llm: str = ""  # whose search found the cell; of all LLMs if empty
    variant: option.FolderName = "default"  # name of this training; "default" names it by what was given
    drop_path: option.MaybeShare = None  # probability at the last epoch; 0 for networks that know no drop path
    compile: str = ""  # torch.compile's mode: default or reduce-overhead
    threads: option.MaybeProcesses = None  # CPU threads, 0: torch's choice

    @property
    def changes(self) -> dict[str, Any]:
        """The settings that differ from the profile's."""
        return super().changes | self.given("compile", "threads", "drop_path")

    def run(self) -> None:
        arch, (kind, _, task) = self.arch, self.arch.partition(":")
        if kind == "found":
            home = Home(self.results, self.profile)
            arch = str(home.require_best_search(self.space, task, self.llm).folder)
        config = self.changed(training_protocol(self.space, self.profile, self.wanted))
        trainer, dataset = self.trainer(get_space(self.space).trainer), self.at_hand(config)
        name, text = named_architecture(arch, self.space)
        variant = variant_of(self.changes) if self.variant == "default" else self.variant
        spec = TrainingSpec(name, text, dataset, self.profile, self.seed, self.space, variant)
        result = self.train(trainer.run_training, spec, config, name)
        self.say(f"{name}  {trainer.summary(result)}")
        self.say(f"{name}  done: {spec.folder(self.results)}")


@dataclass(frozen=True, kw_only=True)
class SupernetCommand(Trained):
    """Train the supernet that f(α) is read from, or go on with it: a line an epoch, resumable.

    Searches of this profile then use it. Several processes share its batches: torchrun, as with `seki train`.
    """

    kind: option.SupernetKind = ""

    def run(self) -> None:
        spec = SupernetSpec(self.space, self.wanted, self.profile, self.seed, self.kind)
        config = self.changed(spec.config)
        trainer = self.trainer(get_space(self.space).supernet_trainer)
        spec = replace(spec, dataset=self.at_hand(config))
        result = self.train(trainer.run_supernet, spec, config, self.space)
        took = f"{result['params_m']:.2f} M parameters, {result['seconds']:.0f} s"
        self.say(f"{self.space}  {took}; done: {spec.folder(self.results)}")


@dataclass(frozen=True)
class Data:
    """Files from outside: `data status`, `data fetch nas201` (the best source), `data need nas201` (any source),
    `data import nas201 FILE` (the benchmark's own file).
    """

    action: Positional[str]  # status, fetch, need or import
    names: Positional[tuple[str, ...]] = ()

    def run(self) -> None:
        look_up("data action", ACTIONS, self.action)(list(self.names))


@dataclass(frozen=True)
class Notebook:
    """Run one notebook headlessly: `seki notebook 13_table3_nas201 --parameter profile=smoke`."""

    name: Positional[str]  # such as 13_table3_nas201, or a notebook's file
    output: option.MaybePath = None  # the executed copy; beside the other results unless given
    parameter: tyro.conf.UseAppendAction[tuple[str, ...]] = ()  # name=value, as in its parameters cell

    def run(self) -> None:
        path, values = find_notebook(self.name), read_parameters(self.parameter)
        profile = get_profile(values.get("profile", "laptop")).name
        results = Path(values.get("results") or RESULTS)
        execute(path, self.output or results / profile / "notebooks" / path.name, values)


@dataclass(frozen=True)
class Lab:
    """JupyterLab on the notebooks."""

    def run(self) -> None:
        require_checkout("notebooks")
        command = [sys.executable, "-m", "jupyter", "lab", f"--notebook-dir={ROOT / 'notebooks'}"]
        os.execv(sys.executable, command)  # noqa: S606 - a fixed command


@dataclass(frozen=True, kw_only=True)
class Reproduce(Bounded, Logged):
    """Everything of a profile that is not done yet: searches in parallel, then notebooks, tables and figures."""

    seeds: str = ""  # of the searches on benchmarks' tables, such as "8,9,10,11"
    jobs: option.Count = 0  # steps at once; 0: one for each core
    ablations: str = ""  # seeds, such as "8 9 10", for which all settings of the paper's Tables 5 and 6 are run too
    controls: str = ""  # seeds for which all arms of notebook 21 are run too
    only: str = ""  # reports, such as "table5 figures", made with what they need (docs/tables.md); all if empty
    plan: bool = False  # only print which jobs would run, and why
    cluster: str = ""  # slurm: submit each step as a job (docs/cluster.md); on this machine if empty
    cluster_options: str = ""  # "--default-resources slurm_partition=gpu" or more for Snakemake; also CLUSTER_OPTIONS
    cluster_gpus: str = ""  # the most GPUs that one job may ask for; 8
    cluster_minutes: str = ""  # the most minutes that one job may ask for; a week

    def run(self) -> None:
        from .cluster import cluster_from
        from .reproduce import Schedule, reproduce

        self.bound()
        texts = (self.seeds, self.ablations, self.controls)
        seeds, ablations, controls = (parse_seeds(text) if text else None for text in texts)
        get_llm(self.llm)
        os.environ[VARIABLE] = ",".join(self.loggers)  # for the commands that it starts
        site = cluster_from(self.cluster, self.cluster_options, self.cluster_gpus, self.cluster_minutes)
        schedule = Schedule(self.jobs, site, self.plan, listed_names(self.only))
        reproduce(get_profile(self.profile), self.llm, seeds, self.results, ablations, controls, schedule)


COMMANDS: dict[str, Callable[..., Any]] = {
    kind.__name__.removesuffix("Command").lower(): kind
    for kind in (
        SearchCommand, Train, SupernetCommand, Ablations, Memory, Show, Cost, Data, Notebook, Lab, Reproduce, Page,
        Compare, Replay,
    )
}  # fmt: skip


def read(words: Sequence[str]) -> Any:
    """The command that these words name. Prints a sentence and exits with 2 if they cannot be read."""
    for word in words:
        if not word.isascii() and word != word.encode(errors="replace").decode():
            raise SettingError(f"{word!r} cannot be read in this locale: write it in UTF-8, and set LC_ALL=C.UTF-8")
    about = "`seki <command> --help` lists the options of each command."
    return tyro.extras.subcommand_cli_from_dict(COMMANDS, prog="seki", description=about, args=words)
