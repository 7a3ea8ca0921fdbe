"""`seki`: a thin face over the library. `seki <command> --help` lists the options of each command."""

import atexit
import gc
import importlib
import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from .assets import absolute_folders
from .data import ACTIONS
from .errors import RunError, SekiError, SettingError, UnknownName, look_up
from .forks import run_settings, run_trunk
from .jsonl import read_lines
from .llm import DEFAULT_LLM, get_llm
from .llm.budget import Limits
from .llm.prices import as_of, prices
from .llm.transcript import totals
from .notebook import ROOT, execute
from .paper.settings import Setting, full_grid, k_xi_settings, lambda_settings, require_full_grid
from .profiles import get_profile, parse_seeds
from .prompts import prompts_from
from .report.table1 import found_cell
from .report.tables import describe_cost
from .runs import RunSpec, search_run
from .search import Step
from .trust import alone_specs

app = tyro.extras.SubcommandApp()


@app.command
def search(
    space: str = "nas201",
    task: str = "cifar10",
    llm: str = DEFAULT_LLM,
    seed: int = 0,
    profile: str = "laptop",
    results: Path = ROOT / "results",
    variant: str = "default",
    alpha0: str | None = None,
    rounds: int | None = None,
    lam: int | None = None,
    k: int | None = None,
    xi: int | None = None,
    notation: str | None = None,
    strategy: str | None = None,
    novelty: bool | None = None,
    permute_words: bool | None = None,
    supernet: str = "",
    bn: str = "",
    critique: Path | None = None,
    refine: Path | None = None,
    inspire: Path | None = None,
    max_usd: str = "",
    max_tokens: str = "",
    max_calls: str = "",
) -> None:
    """Search by Algorithm 1, or go on with a search that was stopped. What is not given is set by the profile.

    critique, refine, inspire: files with templates in place of the default ones. max_…: bounds on what all searches of
    this profile together may take of LLMs, also read from MAX_USD, MAX_TOKENS and MAX_CALLS. supernet, bn: where a
    supernet gives f(α): its kind, in place of the profile's, and "accumulated" in place of the batch's BN statistics.
    """
    _bound(max_usd, max_tokens, max_calls)
    prompts = prompts_from(llm, {"critique": critique, "refine": refine, "inspire": inspire})
    options = {
        "alpha0": alpha0, "rounds": rounds, "lam": lam, "k": k, "xi": xi, "notation": notation, "strategy": strategy,
        "novelty": novelty, "permute_words": permute_words,
    }  # fmt: skip
    changes: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    named = {name: value for name, value in (("supernet", supernet), ("bn", bn)) if value} | changes
    if named and variant == "default":
        variant = ",".join(f"{n}={_slug(v)}" for n, v in named.items())
    spec = RunSpec(space, task, llm, profile, seed, variant, supernet, bn)
    folder = search_run(
        spec, get_profile(profile), results, prompts=prompts,
        on_step=lambda s: print(f"seed {seed}  {s}", flush=True), **changes,
    )  # fmt: skip
    print(f"seed {seed}  done: {folder}")


def _bound(usd: str, tokens: str, calls: str) -> None:
    """Hand the bounds on to this process and its children, and check that they are numbers."""
    for name, value in {"MAX_USD": usd, "MAX_TOKENS": tokens, "MAX_CALLS": calls}.items():
        if value:
            os.environ[name] = value
    Limits.from_environment()


def _slug(value: Any) -> str:
    return str(value).replace("|", "").replace("/", "-")


@app.command
def train(
    arch: str,
    space: str = "darts",
    dataset: str = "",
    profile: str = "laptop",
    seed: int = 0,
    device: str = "auto",
    results: Path = ROOT / "results",
    variant: str = "default",
    epochs: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    precision: str | None = None,
    compile: str | None = None,
    threads: int | None = None,
    workers: int | None = None,
) -> None:
    """Train a cell from scratch, or go on with a training that was stopped: a line an epoch, resumable.

    --arch: DARTS_V1, DARTS_V2, PC_DARTS (of darts_rnn: ENAS), random:<seed>, "found" (the best cell of this profile's
    searches; "found:imagenet": of those on ImageNet itself), the folder of a finished search, or the text of a
    genotype. --dataset: cifar10 unless given; of darts_rnn, whose cells become language models, ptb.
    imagenet is yours (SEKI_IMAGENET), imagenet_sample 200 classes of it at 64 pixels.
    --workers: processes that decode ImageNet's files. On many GPUs, with the same batch over all of them:
    torchrun --nproc_per_node=8 -m seki_lib.cli train …
    """
    if arch.partition(":")[0] == "found":
        arch = str(found_cell(results, profile, space, arch.partition(":")[2]))
    from .training.language_protocol import language_protocol
    from .training.protocol import TrainingSpec, dataset_at_hand, get_protocol, named_architecture

    dataset = dataset or _default_dataset(space)
    options = {
        "epochs": epochs,
        "batch": batch,
        "lr": lr,
        "precision": precision,
        "compile": compile,
        "threads": threads,
    }
    changes: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    if changes and variant == "default":
        variant = ",".join(f"{name}={_slug(value)}" for name, value in changes.items())
    config: Any = language_protocol(profile) if space == "darts_rnn" else get_protocol(profile, dataset)
    config = _changed(config, space, **changes, workers=workers)
    at_hand = dataset_at_hand(dataset, config)
    _announce(dataset, at_hand)
    name, text = named_architecture(arch, space)
    spec = TrainingSpec(name, text, at_hand, profile, seed, space, variant)
    from .training.distributed import leave

    trainer: Any = _trainer("language_model" if space == "darts_rnn" else "classifier")
    result = trainer.run_training(
        spec, results, config, device=device, say=lambda line: print(f"{name}  {line}", flush=True)
    )
    leave()
    if int(os.environ.get("RANK", "0")):
        return  # one of several processes: the first speaks
    print(f"{name}  {trainer.summary(result)}")
    print(f"{name}  done: {spec.folder(results)}")


def _trainer(name: str) -> Any:
    """A module of `training`, imported when it is needed: it brings torch along."""
    return importlib.import_module(f".training.{name}", __package__)


def _changed(config: Any, space: str, **changes: Any) -> Any:
    """The settings with some of them changed. Raises UnknownName for one that they do not have, or a value of none."""
    given = {name: value for name, value in changes.items() if value is not None}
    if "workers" in given and not hasattr(config, "workers"):
        raise UnknownName("--workers: these data lie in memory; only ImageNet's files are decoded by processes")
    try:
        return replace(config, **given)
    except ValueError as error:
        raise UnknownName(str(error)) from None
    except TypeError:
        raise UnknownName(f"a training in {space} has no setting {', '.join(given)}") from None


def _announce(dataset: str, at_hand: str) -> None:
    if at_hand == "imagenet_sample" != dataset:
        print(f"{dataset}: this profile takes 200 of its classes at 64 pixels, {at_hand}")
    elif at_hand != dataset:
        print(f"{dataset} is not on this machine: {at_hand} take its place (seki data fetch {dataset})")


def _default_dataset(space: str) -> str:
    return "ptb" if space == "darts_rnn" else "cifar10"


@app.command
def supernet(
    space: str = "darts",
    dataset: str = "",
    profile: str = "laptop",
    seed: int = 0,
    kind: str = "",
    alone: bool = False,
    device: str = "auto",
    results: Path = ROOT / "results",
    epochs: int | None = None,
    batch: int | None = None,
    lr: float | None = None,
    precision: str | None = None,
    workers: int | None = None,
) -> None:
    """Train the supernet that f(α) is read from, or go on with it: a line an epoch, resumable.

    --dataset: cifar10 unless given; of darts_rnn a text, ptb; imagenet for the search on ImageNet itself. --kind:
    single_path, pc_darts or darts in place of the profile's own. --alone: the short stand-alone trainings of single
    DARTS cells that notebook 01 compares f with, in place of the supernet. --epochs and so on: in place of the
    profile's; searches then use that supernet. Several processes share its batches: torchrun, as of `seki train`.
    """
    dataset = dataset or _default_dataset(space)
    from .training.distributed import leave
    from .training.protocol import SupernetSpec, dataset_at_hand

    spec = SupernetSpec(space, dataset, profile, seed, kind)
    at_hand = dataset_at_hand(dataset, spec.config)
    _announce(dataset, at_hand)
    trainer = _trainer("language_model" if space == "darts_rnn" else "supernet")
    if alone:
        for single in alone_specs(profile, at_hand, get_profile(profile).alone_cells):
            trainer.run_supernet(single, results, device=device, say=lambda line: print(f"alone  {line}", flush=True))
        return
    spec = replace(spec, dataset=at_hand)
    config = _changed(spec.config, space, epochs=epochs, batch=batch, lr=lr, precision=precision, workers=workers)
    result = trainer.run_supernet(
        spec, results, config, device=device, say=lambda line: print(f"{space}  {line}", flush=True)
    )
    leave()
    if int(os.environ.get("RANK", "0")):
        return  # one of several processes: the first speaks
    print(f"{space}  {result['params_m']:.2f} M parameters, {result['seconds']:.0f} s; done: {spec.folder(results)}")


@app.command
def ablations(
    space: str = "darts",
    task: str = "cifar10",
    llm: str = DEFAULT_LLM,
    profile: str = "laptop",
    seed: int = 0,
    lam: int | None = None,
    k: int | None = None,
    xi: int | None = None,
    trunk: int | None = None,
    full: bool = False,
    supernet: str = "",
    bn: str = "",
    results: Path = ROOT / "results",
) -> None:
    """Run the settings of Tables 5 and 6 for one seed, as forks of one self-evolution; resumable.

    --lam, --k, --xi: only this setting; what is not given is the profile's. --trunk ROUND: only the self-evolution that
    all fork from, until this round; settings with a λ up to it can then run at the same time, and while the trunk goes
    on. --full: all settings of the paper in place of the profile's. supernet, bn: as of `seki search`.
    """
    settings = get_profile(profile)
    if full:
        require_full_grid(settings)
        settings = full_grid(settings)
    wanted = [*lambda_settings(settings), *k_xi_settings(settings)]
    if any((lam, k, xi)):
        wanted = [Setting(lam or settings.lam, k or settings.k, xi or settings.xi)]
    named = (("supernet", supernet), ("bn", bn))
    variant = ",".join(f"{name}={_slug(value)}" for name, value in named if value) or "default"
    spec = RunSpec(space, task, llm, profile, seed, variant, supernet, bn)

    def on_step(setting: Setting, step: Step) -> None:
        print(f"seed {seed}  λ={setting.lam} k={setting.k} ξ={setting.xi}  {step}", flush=True)

    if trunk is not None:
        if any((lam, k, xi)):
            raise SettingError("--trunk is of all settings: give it without --lam, --k and --xi")
        print(f"seed {seed}  reached: {run_trunk(spec, settings, results, until=trunk, on_step=on_step)}")
        return
    for folder in run_settings(spec, settings, results, wanted, on_step=on_step):
        print(f"seed {seed}  done: {folder}")


@app.command
def show(run: Annotated[Path, tyro.conf.Positional]) -> None:
    """One run: its settings, its best cell, how its cells came about, what the LLM cost."""
    if not (run / "config.json").is_file():
        raise RunError(f"{run} is not a run folder: it has no config.json. Runs live in results/<profile>/searches/…")
    config = json.loads((run / "config.json").read_text())
    history = list(read_lines(run / "history.jsonl"))
    print(f"{config['llm']['name']} on {config['run']['space']}/{config['run']['task']}, {config['data']['sentence']}")
    print(f"{len(history)} of {config['search']['rounds'] + 1} evaluations")
    if (run / "result.json").is_file():
        print(json.dumps(json.loads((run / "result.json").read_text()), indent=1, ensure_ascii=False))
    elif history:
        best = max(history, key=lambda record: record["score"])
        print(f"best so far: {best['score']:.2f} {best['architecture']} (round {best['round']})")
    print(f"the LLM took {describe_cost(totals(run / 'transcript.jsonl'))}")
    if (run / "fork.json").is_file():
        origin = json.loads((run / "fork.json").read_text())
        print(f"forked from {origin['of']} at round {origin['round']}; what was paid there is not counted here")


@app.command
def cost(
    run: Annotated[Path | None, tyro.conf.Positional] = None,
    profile: str = "paper",
    card: str = "a100",
    gpus: int = 1,
    llm: str = "openai:gpt-4o-mini",
    precision: str = "",
    results: Path = ROOT / "results",
    json_: Annotated[bool, tyro.conf.arg(name="json")] = False,
) -> None:
    """What the paper's tables will take: GPU-hours, tokens, dollars, disk; what is finished is subtracted.

    With RUN: what the calls of that run would cost on every LLM with a known price, from the tokens it was measured to
    take (tokenizers differ). --precision: fp32 or bf16, else the profile's. --json: as data.
    """
    if run is None:
        from .cost import as_text, plan

        planned = plan(profile, card, gpus, llm, results, precision)
        print(json.dumps(asdict(planned), indent=1, ensure_ascii=False) if json_ else as_text(planned))
        return
    if not (run / "transcript.jsonl").is_file():
        raise RunError(f"{run} has no transcript.jsonl. Runs live in results/<profile>/searches/…")
    took = totals(run / "transcript.jsonl")
    print(f"measured: {describe_cost(took)}")
    tokens = {kind: took["tokens"][kind] for kind in ("prompt_tokens", "completion_tokens")}
    for name, price in sorted(prices().items(), key=lambda item: item[1].dollars(tokens)):
        print(f"{name:32s} ${price.dollars(tokens):8.4f}")
    print(f"prices as of {as_of()}, nothing read from a prompt cache")


@app.command(name="data")
def data_command(
    action: Annotated[str, tyro.conf.Positional], names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
) -> None:
    """Files from outside: `data status`, `data fetch nas201` (the best source), `data need nas201` (any source),
    `data import nas201 FILE` (the benchmark's own file).
    """
    look_up("data action", ACTIONS, action)(list(names))


@app.command
def notebook(
    name: Annotated[str, tyro.conf.Positional],
    output: Path | None = None,
    parameter: tyro.conf.UseAppendAction[tuple[str, ...]] = (),
) -> None:
    """Run one notebook headlessly: `seki notebook 13_table3_nas201 --parameter profile=smoke`."""
    path = ROOT / "notebooks" / f"{name.removesuffix('.ipynb')}.ipynb"
    known = {p.stem: p for p in sorted(path.parent.glob("*.ipynb"))}
    look_up("notebook", known, path.stem)
    values: dict[str, Any] = {}
    for pair in parameter:
        key, _, value = pair.partition("=")
        values[key] = int(value) if key == "seed" and value.isdigit() else value
    profile = values.get("profile", "laptop")
    results = Path(values.get("results") or ROOT / "results")
    execute(path, output or results / profile / "notebooks" / path.name, values)


@app.command
def lab() -> None:
    """JupyterLab on the notebooks."""
    subprocess.run([sys.executable, "-m", "jupyter", "lab", f"--notebook-dir={ROOT / 'notebooks'}"], check=False)


@app.command
def reproduce(
    profile: str = "laptop",
    llm: str = DEFAULT_LLM,
    seeds: str = "",
    jobs: int = 0,
    ablations: str = "",
    results: Path = ROOT / "results",
    max_usd: str = "",
    max_tokens: str = "",
    max_calls: str = "",
) -> None:
    """Everything of a profile that is not done yet: searches in parallel, then notebooks, tables and figures.

    --ablations: seeds, such as "0 1 2", for which all settings of the paper's Tables 5 and 6 are run too. max_…: bounds
    on what LLMs may take in this profile's folder, also read from MAX_USD, MAX_TOKENS and MAX_CALLS.
    """
    from .reproduce import reproduce as run

    _bound(max_usd, max_tokens, max_calls)
    get_llm(llm)
    wanted = [parse_seeds(text) if text else None for text in (seeds, ablations)]
    run(get_profile(profile), llm, wanted[0], jobs, results, wanted[1])


def main() -> None:
    """Entry point: errors that a user can mend are one sentence, not a traceback."""
    gc.set_threshold(50_000)  # to look for garbage in the million objects of torch's import takes a sixth of its time
    atexit.register(gc.freeze)  # and to look once more at the end another sixth
    absolute_folders()
    try:
        app.cli(prog="seki", description=__doc__)
    except SekiError as error:
        sys.exit(f"seki: {error}")
    except BrokenPipeError:
        sys.exit(1)  # the reader of our output, such as `head`, has gone
    except KeyboardInterrupt:
        sys.exit("\nseki: stopped. The same command goes on from here.")


if __name__ == "__main__":
    main()
