"""`seki`: a thin face over the library. `seki <command> --help` lists the options of each command."""

import json
import subprocess
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import tyro

from .assets import ASSETS, absolute_folders, fetch, locate
from .errors import AssetError, RunError, SekiError, UnknownName, look_up
from .evaluators.tabular import FETCH, TABLES
from .jsonl import read_lines
from .llm import DEFAULT_LLM, get_llm
from .notebook import ROOT, execute
from .profiles import get_profile, parse_seeds
from .runs import RunSpec, search_run

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
) -> None:
    """Search by Algorithm 1, or go on with a search that was stopped. What is not given is set by the profile."""
    options = {
        "alpha0": alpha0, "rounds": rounds, "lam": lam, "k": k, "xi": xi, "notation": notation, "strategy": strategy,
        "novelty": novelty, "permute_words": permute_words,
    }  # fmt: skip
    changes: dict[str, Any] = {name: value for name, value in options.items() if value is not None}
    spec = RunSpec(space, task, llm, profile, seed, variant)
    if changes and variant == "default":
        spec = RunSpec(space, task, llm, profile, seed, ",".join(f"{n}={_slug(v)}" for n, v in changes.items()))
    folder = search_run(
        spec, get_profile(profile), results, on_step=lambda s: print(f"seed {seed}  {s}", flush=True), **changes
    )
    print(f"seed {seed}  done: {folder}")


def _slug(value: Any) -> str:
    return str(value).replace("|", "").replace("/", "-")


@app.command
def train(
    arch: str,
    space: str = "darts",
    dataset: str = "cifar10",
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
) -> None:
    """Train a cell from scratch, or go on with a training that was stopped: a line an epoch, resumable.

    --arch: DARTS_V1, DARTS_V2, PC_DARTS, random:<seed>, the folder of a finished search, or the text of a genotype.
    """
    from .training.protocol import TrainingSpec, dataset_at_hand, get_protocol, named_architecture

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
    try:
        config = replace(get_protocol(profile), **changes)
    except ValueError as error:
        raise UnknownName(str(error)) from None
    at_hand = dataset_at_hand(dataset, config)
    if at_hand != dataset:
        print(f"{dataset} is not on this machine: {at_hand} take its place (seki data fetch {dataset})")
    name, text = named_architecture(arch, space)
    spec = TrainingSpec(name, text, at_hand, profile, seed, space, variant)
    from .training.classifier import run_training

    result = run_training(spec, results, config, device=device, say=lambda line: print(f"{name}  {line}", flush=True))
    print(
        f"{name}  test error {result['last_test_error']:.2f} % after {result['epochs']} epochs "
        f"(best {result['best_test_error']:.2f} %, epoch {result['best_epoch']}); {result['params_m']:.2f} M parameters"
    )
    print(f"{name}  done: {spec.folder(results)}")


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


def data_status() -> None:
    """Every file from outside: whether it is here, its licence, where it comes from."""
    for name, asset in ASSETS.items():
        try:
            path = locate(name)
        except SekiError as error:
            print(f"{name:22s} DAMAGED  {error}")
            continue
        print(f"{name:22s} {'here   ' if path else 'missing'}  {path or asset.origin}  [{asset.licence}]")


def data_need(names: list[str]) -> None:
    """Have these, whichever source: fetch only what is not here at all, so that a second call needs no network."""
    for name in names:
        try:
            source = look_up("table", TABLES, name)().source if name in TABLES else None
            print(f"{name}: {source.sentence if source else fetch(name)}")
        except AssetError:
            data_fetch([name])


def data_fetch(names: list[str]) -> None:
    """Fetch files by name, or the best reachable table of a space."""
    from .training.protocol import IMAGE_ASSETS, fetch_images

    for name in names or ["nas201", "smollm2-135m"]:
        if name in IMAGE_ASSETS:
            asset = ASSETS[fetch_images(name)[0]]
            print(f"{name}: {asset.origin} [{asset.licence}; sha256 {asset.sha256[:12]}…]")
        elif name in FETCH:
            source = FETCH[name]().source
            print(f"{name}: {source.sentence} [{source.licence}; sha256 {source.sha256[:12]}…]")
        else:
            look_up("table or asset", FETCH | ASSETS, name)
            print(f"{name}: {fetch(name)} [{ASSETS[name].licence}; sha256 {ASSETS[name].sha256[:12]}…]")


@app.command(name="data")
def data_command(
    action: Annotated[str, tyro.conf.Positional], names: Annotated[tuple[str, ...], tyro.conf.Positional] = ()
) -> None:
    """Files from outside: `data status`, `data fetch nas201` (the best source), `data need nas201` (any source)."""
    listed = list(names)
    actions: dict[str, Callable[[], None]] = {
        "status": data_status,
        "fetch": lambda: data_fetch(listed),
        "need": lambda: data_need(listed),
    }
    look_up("data action", actions, action)()


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
    results: Path = ROOT / "results",
) -> None:
    """Everything of a profile that is not done yet: searches in parallel, then notebooks, tables and figures."""
    from .reproduce import reproduce as run

    get_llm(llm)
    run(get_profile(profile), llm, parse_seeds(seeds) if seeds else get_profile(profile).seeds, jobs, results)


def main() -> None:
    """Entry point: errors that a user can mend are one sentence, not a traceback."""
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
