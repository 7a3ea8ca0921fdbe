"""Describe a folder of results (`seki show RUN`), and price the tokens of a search (`seki cost RUN`)."""

import json
from collections.abc import Iterator
from pathlib import Path

from ..files.errors import RunError
from ..files.jsonl import is_there, read_json, read_lines
from ..files.run_folder import read_config, read_result, read_rounds
from ..llm.prices import as_of, prices
from ..llm.transcript import totals
from ..report.tables import describe_cost
from ..results import is_finished

WHERE = "Results live in results/<profile>/searches/…, trainings/… and supernets/…"


def describe(folder: Path) -> str:
    """Describe a search, a training or a supernet in a few lines. A folder that holds several gets one line for each.

    You may name a file in such a folder in place of the folder. Raises RunError if it is none of these, or damaged.
    """
    folder = folder.parent if folder.is_file() and (folder.parent / "config.json").is_file() else folder
    if (folder / "config.json").is_file():
        try:
            return "\n".join(_lines(folder))
        except (KeyError, TypeError, AttributeError) as error:
            raise RunError(f"{folder} holds no run of this kit, or a damaged one ({error!r}).") from None
    runs = sorted(path.parent for path in folder.rglob("config.json"))
    if not runs:
        raise RunError(f"{folder} is no folder of a run, and holds none. {WHERE}")
    return "\n".join(f"{run}  {'finished' if is_finished(run) else 'not finished'}" for run in runs)


def prices_of(folder: Path) -> Iterator[str]:
    """What the tokens of a search cost on every LLM with a known price, a line each. Raises RunError."""
    if not is_there(folder / "transcript.jsonl"):
        raise RunError(f"{folder} has no transcript.jsonl: it asked no LLM. {WHERE}")
    took = totals(folder / "transcript.jsonl")
    yield f"measured: {describe_cost(took)}"
    if took.get("without_usage"):
        yield "So its tokens are not known, nor what they cost elsewhere."
        return
    tokens = {kind: took["tokens"][kind] for kind in ("prompt_tokens", "completion_tokens")}
    for name, price in sorted(prices().items(), key=lambda item: item[1].dollars(tokens)):
        yield f"{name:32s} ${price.dollars(tokens):8.4f}"
    yield f"prices as of {as_of()}, nothing read from a prompt cache"


def _lines(folder: Path) -> Iterator[str]:
    config, finished = read_json(folder / "config.json"), is_finished(folder)
    if run := config.get("run"):
        config = read_config(folder)
        history = list(read_rounds(folder))
        yield f"{config['llm']['name']} on {run['space']}/{run['task']}, {config['data']['sentence']}"
        yield f"{len(history)} of {config['search']['rounds'] + 1} evaluations"
        if history and not finished:
            best = max(history, key=lambda record: record["score"])
            yield f"best so far: {best['score']:.2f} {best['architecture']} (round {best['round']})"
    else:
        epochs, cell = list(read_lines(folder / "metrics.jsonl")), config.get("architecture")
        what = f"training of {cell}" if cell else f"supernet {config['kind']}"
        yield f"{what} on {config['data']}, seed {config['seed']}"
        yield f"{len(epochs)} of {config['epochs']} epochs"
        if epochs and not finished:
            yield f"last epoch: {json.dumps(epochs[-1], ensure_ascii=False)}"
    if finished:
        yield json.dumps(read_result(folder), indent=1, ensure_ascii=False)
    if run:
        yield f"the LLM took {describe_cost(totals(folder / 'transcript.jsonl'))}"
    if (folder / "fork.json").is_file():
        origin = read_json(folder / "fork.json")
        yield f"forked from {origin['of']} at round {origin['round']}; what was paid there is not counted here"
