"""Tables 1, 2 and 8: cells trained from scratch, the paper's rows beside ours.

Only the profile `paper` trains as the paper does. In every other profile ours are *short protocol* rows: they compare
with each other, and stand in columns of their own.
"""

from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from .. import paper
from ..files.errors import RunError
from ..paper import Edition
from ..paper.here import editions, known_spec, training_spec
from ..results import Home, SearchResult
from ..spaces import get_space
from ..training.language_protocol import language_protocol
from ..training.machine import ELSEWHERE, trained_on
from ..training.protocol import IMAGENET, ClassifierConfig, SupernetSpec, TrainingSpec, get_protocol, images_missing
from .statistics import mean_std, standard_error
from .tables import BLANK, Cell, Table, not_run

DAY = 24 * 3600
SHORT = {
    "last_test_error": "short: last test error (%)",
    "best_test_error": "short: best test error (%)",
    "own_params_m": "short: Params (M)",
}
SHORT_LANGUAGE = {
    "valid_perplexity": "short: validation perplexity",
    "test_perplexity": "short: test perplexity",
    "unigram_test_perplexity": "short: test perplexity of the unigram model",
    "own_params_m": "short: Params (M)",
}
PAPER_PARAMS_M = {8: 22.96, 11: 27.295}  # by nodes, at 850 units and 10,000 words; tests/nn/test_rnn.py counts them
DECLARED = {"table1": paper.table1, "table2": paper.table2, "table8": paper.table8}
OF_SEARCHES = ("search_cost", "search_method", "evaluation")  # columns that only cells of a search have
COMPARE = "compare with each other only, never with the paper's columns."


class Row(NamedTuple):
    """One training of one row. search: what found its cell; cost: of that search; chosen: how that cell was chosen."""

    label: str
    spec: TrainingSpec
    search: SearchResult | None = None
    cost: Cell = BLANK
    chosen: str = ""


Runs = Sequence[tuple[Row, dict[str, Any]]]  # the trainings of one row of a table, with their `result.json`


def trainings(table: str, edition: Edition, results: Path) -> list[Row]:
    """Every training of "table1", "table2" or "table8"; the cells that LLMs found come first, LLM by LLM."""
    rows, declared, home = [], DECLARED[table], Home(results, edition.name)
    for need in declared.found(edition):
        search = need.searched[0]
        where = (search.space, search.task)
        mark = "†" if search.task == "imagenet" else ""
        for llm, other in editions(edition, results, search.space, search.task).items():
            spec = training_spec(need, other, results)
            best = home.best_search(*where, llm)
            if spec and best:
                seeds = ", ".join(str(one.seed) for one in home.finished_searches(*where, llm))
                chosen = f"SEKI{mark}, {llm}: the cell of the highest f(α) of the searches with seeds {seeds}."
                rows.append(
                    Row(f"SEKI{mark}, ours, {llm}", spec, best, search_cost(best, results, edition.name), chosen)
                )
    specs = [known_spec(need, edition) for need in declared.known(edition)]
    return [*rows, *(Row(f"{spec.name}, ours", spec) for spec in specs)]


def table1(rows: Sequence[Row], results: Sequence[dict[str, Any]], profile: str) -> Table:
    """CIFAR-10 and CIFAR-100. rows and results: finished trainings of one profile, in the same order."""
    columns = {
        "cifar10_error": "CIFAR-10 test error (%)",
        "cifar100_error": "CIFAR-100 test error (%)",
        "params_m": "Params (M)",
        "search_cost": "Search cost (GPU-days)",
        "search_method": "Search method",
        "evaluation": "Evaluation",
    }
    title = f"CIFAR-10 and CIFAR-100 on the DARTS space, profile {profile}"
    table = Table.beside_paper(1, title, columns, {} if profile == "paper" else SHORT)
    missing = {"SEKI, ours": "no search of the DARTS space has finished in this profile"}
    datasets = {"cifar10": "cifar10_error", "cifar100": "cifar100_error"}
    _add_ours(table, rows, results, missing, lambda runs: _errors(runs, profile, datasets))
    table.notes = [
        _images(results[0]),
        "Ours are the test error after the last epoch. The best over epochs is chosen on the test set; the paper does "
        "not say which of the two it prints (docs/fidelity.md).",
    ]
    if profile != "paper":
        error = standard_error(50, results[0]["test_images"])
        table.notes += [
            _short_protocol(profile, "cifar10"),
            f"The standard error of such an error is about {error:.1f} points from the test images alone; the seed of "
            f"the training adds to it. Differences of two cells below about {2.8 * error:.1f} points mean nothing.",
        ]
    table.notes += _notes_on(rows, results)
    return table


def table2(rows: Sequence[Row], results: Sequence[dict[str, Any]], profile: str) -> Table:
    """ImageNet-1K, or a sample of 200 classes. rows and results as in `table1`; both empty without images."""
    full, dataset, why = profile == "paper", IMAGENET[profile], images_missing(profile)
    columns = {
        "imagenet_error": "ImageNet-1K top-1 test error (%)",
        "search_cost": "Search cost (GPU-days)",
        "params_m": "Params (M)",
    }
    title = f"ImageNet-1K on the DARTS space, profile {profile}"
    table = Table.beside_paper(2, title, columns, {} if full else SHORT)
    missing = {
        "SEKI, ours": why or "no search of the DARTS space has finished in this profile",
        "SEKI†, ours": why
        or "no search on ImageNet itself has finished in this profile: seki supernet --dataset imagenet, then "
        "seki search --space darts --task imagenet",
    }
    _add_ours(table, rows, results, missing, lambda runs: _errors(runs, profile, {dataset: "imagenet_error"}))
    table.notes = [
        f"† searched on ImageNet itself{'' if full else ', ours on the sample of it'}; the others on CIFAR-10.",
        "The paper prints 24.5 % here (75.5 % accuracy), 75.8 % in its introduction, and 75.58 and 75.68 % in Table 7.",
        "Validation: the 50,000 images of val/, shorter side 256, centre 224, the last epoch.",
    ]
    if why:
        table.notes.append(f"Not run: {why}")
    elif results and not full:
        n = results[0]["test_images"]
        chance = f"Chance among 200 classes is 99.5 % ± {100 * (0.005 * 0.995 / n) ** 0.5:.2f} (standard error)."
        table.notes += [_images(results[0]), f"{_short_protocol(profile, dataset)} {chance}"]
    table.notes += _notes_on(rows, results)
    return table


def table8(rows: Sequence[Row], results: Sequence[dict[str, Any]], profile: str) -> Table:
    """Language models on the Penn Treebank. rows and results as in `table1`."""
    full, config, result = profile == "paper", language_protocol(profile), results[0]
    columns = {
        "valid": "Validation perplexity",
        "test": "Test perplexity",
        "params_m": "Params (M)",
        "search_method": "Search method",
    }
    title = f"Language models on the Penn Treebank, profile {profile}"
    table = Table.beside_paper(8, title, columns, {} if full else SHORT_LANGUAGE)
    supernet = SupernetSpec("darts_rnn", "ptb", profile).command()
    search = f"seki search --space darts_rnn --task ptb --profile {profile}"
    missing = {"SEKI, ours": f"no search of recurrent cells has finished; it takes: {supernet}, then: {search}"}
    _add_ours(table, rows, results, missing, lambda runs: _perplexities(runs, profile))
    table.notes = [
        f"Ours: {result['data']}; {result['train_words']:,} training, {result['valid_words']:,} validation and "
        f"{result['test_words']:,} test words. Test values are of the epoch that is best on the validation text.",
        'The paper heads its columns "Perplexity(%)" and one row "DARTS(2st)"; a perplexity is no percentage. '
        f"It prints 22 M parameters for SEKI. A cell of 8 nodes has {PAPER_PARAMS_M[8]} M at 850 units, which is 22 if "
        "digits are cut.",
    ]
    if not full:
        epochs = f"{config.epochs} epoch{'s' * (config.epochs > 1)}"
        table.notes.append(
            f"Short protocol: {config.hidden} units, {epochs}, batch {config.batch}. These perplexities and the "
            f"unigram model's {COMPARE}"
        )
    table.notes += _notes_on(rows, results)
    return table


def _add_ours(
    table: Table, rows: Sequence[Row], results: Sequence[dict[str, Any]], missing: Mapping[str, str],
    cells: Callable[[Runs], dict[str, Cell]],
) -> None:  # fmt: skip
    """Our rows. missing: label -> why there is none of it; cells: of a row, those of a search left out."""
    ours: dict[str, list[tuple[Row, dict[str, Any]]]] = {}
    for row, result in zip(rows, results, strict=True):
        ours.setdefault(row.label, []).append((row, result))
    for label, why in missing.items():
        if not any(known.startswith(label) for known in ours):
            table.add(label, {column: not_run(why) for column in table.columns if column not in OF_SEARCHES})
    for label, runs in ours.items():
        row, searched = runs[0][0], {}
        if row.search:
            values = (row.cost, Cell("LLM", "measured"), Cell("One-Shot", "measured"))
            searched = {c: cell for c, cell in zip(OF_SEARCHES, values, strict=True) if c in table.columns}
        seeds = {run.spec.seed for run, _ in runs}
        table.add(label, cells(runs) | searched, len(seeds), [row.search.result] if row.search else [])


def _errors(runs: Runs, profile: str, datasets: Mapping[str, str]) -> dict[str, Cell]:
    """Test errors of images and the parameters. datasets: name -> the paper's column."""
    results = [result for _, result in runs]
    paper, config = (get_protocol(name, next(iter(datasets))) for name in ("paper", profile))
    cells = {"params_m": _counted(results[0]["paper_params_m"], 2, paper, "the paper's size, ")}
    if profile == "paper":
        for dataset, column in datasets.items():
            done = [result for row, result in runs if row.spec.dataset == dataset]
            cells[column] = _error(done) if done else not_run(f"seki train --dataset {dataset}")
        return cells
    best = mean_std([result["best_test_error"] for result in results])
    return cells | {
        **dict.fromkeys(datasets.values(), _at_full_length(paper.epochs)),
        "last_test_error": _error(results),
        "best_test_error": Cell(best, "measured", "chosen on the test set, so it is too low"),
        "own_params_m": _counted(results[0]["params_m"], 3, config),
    }


def _counted(params_m: float, digits: int, size: ClassifierConfig, whose: str = "") -> Cell:
    detail = f"counted at {whose}{size.channels} channels and {size.layers} cells, without the auxiliary head"
    return Cell(f"{params_m:.{digits}f}", "measured", detail)


def _error(results: Sequence[dict[str, Any]]) -> Cell:
    data, images, epochs = (results[0][name] for name in ("data", "train_images", "epochs"))
    detail = f"{data}; {images:,} training images, {epochs} epochs; last epoch"
    return Cell(mean_std([result["last_test_error"] for result in results]), "measured", detail)


def _perplexities(runs: Runs, profile: str) -> dict[str, Cell]:
    ((row, result),) = runs
    detail = f"{result['data']}; {result['train_words']:,} training words, {result['epochs']} epochs; the best epoch's"
    if profile == "paper":
        own = {part: Cell(f"{result[f'{part}_perplexity']:.2f}", "measured", detail) for part in ("valid", "test")}
        params = Cell(f"{result['params_m']:.2f}", "measured", "encoder and decoder share their weights")
        return {"valid": own["valid"], "test": own["test"], "params_m": params}
    nodes = len(get_space(row.spec.space).parse(row.spec.architecture).recurrent)
    unpaid = _at_full_length(language_protocol("paper").epochs)
    return {
        "valid": unpaid,
        "test": unpaid,
        "params_m": Cell(f"{PAPER_PARAMS_M[nodes]:.2f}", "measured", "counted at the paper's size, 850 units"),
        **{c: Cell(f"{result[c]:.1f}", "measured", detail) for c in ("valid_perplexity", "test_perplexity")},
        "unigram_test_perplexity": Cell(
            f"{result['unigram_test_perplexity']:.1f}", "measured",
            "counts of the whole training text, the same test words",
        ),
        "own_params_m": Cell(
            f"{result['params_m']:.3f}", "measured", f"{language_protocol(profile).hidden} units"
        ),
    }  # fmt: skip


def _at_full_length(epochs: int) -> Cell:
    return not_run(f"{epochs:,} epochs on a GPU: make reproduce PROFILE=paper")


def _images(result: dict[str, Any]) -> str:
    return f"Ours: {result['data']}; {result['train_images']:,} training and {result['test_images']:,} test images."


def _short_protocol(profile: str, dataset: str) -> str:
    size = get_protocol(profile, dataset)
    sizes = f"{size.channels} channels, {size.layers} cells, {size.epochs} epochs, batch {size.batch}"
    return f"Short protocol: {sizes}. These errors {COMPARE}"


def _notes_on(rows: Sequence[Row], results: Sequence[dict[str, Any]]) -> list[str]:
    """How the cells were chosen, on which machines they were trained, and that another one gives other numbers."""
    machines = sorted({trained_on(result) for result in results})
    trained = [f"Trained on {'; '.join(machines)}. {ELSEWHERE}"] if machines else []
    return [*dict.fromkeys(row.chosen for row in rows if row.chosen), *trained]


def cost_parts(search: SearchResult, results: Path, profile: str) -> tuple[dict[str, float], str]:
    """Seconds of the supernet, of f and of the LLM, and the device of the supernet. Raises RunError without it."""
    for supernet in (found.result for found in Home(results, profile).supernets()):
        if supernet["weights_sha256"] == search.config["data"]["sha256"]:
            f, llm = search.scoring_seconds, search.result["llm_seconds"]
            return {"supernet": supernet["seconds"], "f": f, "LLM": llm}, str(supernet["device"])
    raise RunError("the supernet that its search was scored by is no longer there")


def search_cost(search: SearchResult, results: Path, profile: str) -> Cell:
    """GPU-days of a search where it ran on a GPU, else its seconds by part."""
    try:
        seconds, device = cost_parts(search, results, profile)
    except RunError as error:
        return Cell("not known", "not run", str(error))
    each = ", ".join(f"{part} {value:.0f} s" for part, value in seconds.items())
    if device == "cpu":
        return Cell(each, "measured", "on a CPU, whose hours are no GPU-days")
    return Cell(f"{sum(seconds.values()) / DAY:.3f}", "measured", f"{each}; {device}")
