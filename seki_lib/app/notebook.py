"""What every notebook does first: name the versions, check its parameters, find its run.

Parameters come from papermill or from the `parameters` cell. A parameter that the notebook does not know is an error:
papermill itself only warns.
"""

import ast
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from types import ModuleType
from typing import Any

from ..files.checkout import RESULTS, ROOT, require_checkout
from ..files.errors import SekiError, SettingError, look_up
from ..files.jsonl import write_text
from ..files.run_folder import read_requests
from ..files.user_input import user_path, whole_number
from ..llm import DEFAULT_LLM, split_name
from ..llm.local import WARMER
from ..paper import Edition
from ..paper.here import edition_here
from ..profiles import Profile, get_profile, parse_seeds
from ..prompts import VARIABLES, Prompts, prompts_from
from ..results import Home, RunSpec
from ..runs import with_prompts
from ..search import Step
from ..spaces import SearchSpace

DEFAULTS: dict[str, Any] = {
    "profile": "laptop", "llm": DEFAULT_LLM, "seed": 0, "seeds": "", "results": "",
    "critique": "", "refine": "", "inspire": "", "arch": "", "dataset": "cifar10",
    "space": "nas201",
}  # fmt: skip
SPACES = {"nas201": "scored by the benchmark's table", "darts": "scored by the supernet of notebook 01"}


class NotebookError(SekiError, ValueError):
    """A notebook was started with a parameter that it does not have, or with a value of the wrong type."""


@dataclass(frozen=True, kw_only=True)
class Setup:
    """The parameters of a notebook, checked. results: absolute; prompts: None for the default ones of the LLM."""

    profile: Profile
    llm: str
    seed: int
    seeds: tuple[int, ...]
    results: Path
    prompts: Prompts | None
    arch: str  # a cell, as `seki train --arch` takes it; empty: the notebook's own choice
    dataset: str
    space: str  # a key of SPACES

    @property
    def edition(self) -> Edition:
        """What this machine can make of the profile, and what its tables need."""
        return edition_here(self.profile, self.llm)

    @property
    def home(self) -> Home:
        """Where this profile keeps what it makes."""
        return Home(self.results, self.profile.name)

    @property
    def folder(self) -> Path:
        """`<results>/<profile>`: where this profile's tables and figures go."""
        return self.home.folder


def versions() -> None:
    """One line: Python, machine, and the packages that numbers can depend on."""
    packages = ", ".join(f"{name} {version(name)}" for name in ("seki-kit", "numpy", "torch", "xllamacpp"))
    print(f"Python {platform.python_version()} on {platform.system()} {platform.machine()}; {packages}")


def start(namespace: dict[str, Any], *known: str) -> Setup:
    """Check the parameters among a notebook's globals. known: those it has, of DEFAULTS.

    Raises NotebookError on any other name, and UnknownName on a value that no registry holds.
    """
    given = {name: value for name, value in namespace.items() if _is_parameter(name, value)}
    first = not namespace.get("_started")  # a cell that is run again finds the notebook's own names too
    if first and (unknown := given.keys() - set(known)):
        raise NotebookError(f"unknown parameter {', '.join(sorted(unknown))}; this notebook has: {', '.join(known)}")
    namespace["_started"] = True
    values = DEFAULTS | {name: given[name] for name in known if name in given}
    for name in known:
        kinds = (str, int, list, tuple) if name == "seeds" else type(DEFAULTS[name])
        if not isinstance(values[name], kinds) or isinstance(values[name], bool):
            raise NotebookError(f"parameter {name} must be {type(DEFAULTS[name]).__name__}, not {values[name]!r}")
    profile = get_profile(values["profile"])
    split_name(values["llm"])
    look_up("space of this notebook", SPACES, values["space"])
    return Setup(
        profile=profile,
        seed=_seed(str(values["seed"])) if "seed" in known else profile.seeds[0],
        seeds=parse_seeds(values["seeds"]) if values["seeds"] != "" else profile.seeds,
        results=RESULTS.parent.absolute() / user_path(values["results"] or "results"),
        prompts=prompts_from(values["llm"], {stage: values[stage] and Path(values[stage]) for stage in VARIABLES}),
        **{name: values[name] for name in ("llm", "arch", "dataset", "space")},
    )


def spec_of(setup: Setup, seed: int | None = None, *, space: str = "", task: str = "cifar10") -> RunSpec:
    """The run that this notebook looks at. space: the notebook's parameter if empty."""
    spec = RunSpec(space or setup.space, task, setup.llm, setup.profile.name, setup.seed if seed is None else seed)
    return with_prompts(spec, setup.prompts)


def require_rounds(spec: RunSpec, results: Path, rounds: int) -> None:
    """Raise NotebookError, naming the next step, unless the transcript of a run reaches this round."""
    calls = read_requests(spec.folder(results) / "transcript.jsonl")
    there = max((call["round"] or 0 for call in calls), default=0)
    if there < rounds:
        lacks = f"{spec.folder(results)} holds {there} of the {rounds} rounds needed here."
        raise NotebookError(f"{lacks} Run notebook 02 first, or: {spec.command(results)}")


def line(step: Step, space: SearchSpace[Any]) -> str:
    """A round in one line that fits a page: its cell in the space's short words."""
    record, cell = step.record, space.parse(step.record.architecture)
    scores = f"{record.score:6.2f}  best {step.best:6.2f}"
    return f"round {record.round:2d}  {record.how:9s}  {scores}  {space.show(cell, 'words')}{step.cost}"


def _is_parameter(name: str, value: Any) -> bool:
    """What a parameters cell defines: plain values, not IPython's own and not what was imported."""
    hidden = name.startswith("_") or name in ("In", "Out", "exit", "quit", "get_ipython", "open")
    return not hidden and not isinstance(value, ModuleType | type | Callable)


def find_notebook(name: str) -> Path:
    """A notebook by its name, with or without folder and ending, or by its file. Raises UnknownName with all names."""
    path = Path(name)
    if path.suffix == ".ipynb" and path.is_file():
        return path
    require_checkout("notebooks")
    known = {path.stem: path for path in sorted((ROOT / "notebooks").glob("*.ipynb"))}
    is_ours = path.parent in (Path(), Path("notebooks"), ROOT / "notebooks")
    return look_up("notebook", known, path.name.removesuffix(".ipynb") if is_ours else name)


def read_parameters(pairs: Sequence[str]) -> dict[str, Any]:
    """Parameters as a command line gives them, `name=value`; paths become absolute. Raises NotebookError.

    A notebook runs in its own folder, so that a relative path would mean another file there.
    """
    values: dict[str, Any] = {}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not (equals and name.isidentifier()):
            raise NotebookError(f"{pair!r} is no parameter: give name=value, such as profile=smoke")
        if value and name in ("results", *VARIABLES):
            value = str(user_path(value).absolute())
        values[name] = _seed(value) if name == "seed" else absolute_llm(value) if name == "llm" else value
    return values


def absolute_llm(name: str) -> str:
    """An LLM's name; a replayed run's folder or a model's file in it becomes absolute."""
    provider, _, model = name.partition(":")
    path, *rest = model.partition(WARMER) if provider == "local" else (model,)
    is_path = model and (provider == "replay" or path.lower().endswith(".gguf"))
    return "".join([f"{provider}:{user_path(path).resolve()}", *rest]) if is_path else name


def _seed(text: str) -> int:
    try:
        return whole_number(text)
    except SettingError as error:
        raise NotebookError(f"parameter seed must be int: {error}") from None


def parameters_of(notebook: Path) -> list[str]:
    """The names that the notebook's parameters cell sets. Raises NotebookError for a file that is no notebook."""
    import nbformat

    try:
        cells = nbformat.reads(notebook.read_text(encoding="utf-8"), 4).cells  # type: ignore[no-untyped-call]
        sources = [cell.source for cell in cells if "parameters" in cell.metadata.get("tags", [])]
        nodes = [node for source in sources for node in ast.walk(ast.parse(source))]
    except (ValueError, TypeError, AttributeError, SyntaxError, nbformat.ValidationError) as error:
        raise NotebookError(f"{notebook} is no notebook that can be run: {error}") from None
    return [node.id for node in nodes if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store)]


def execute(notebook: Path, output: Path, parameters: dict[str, Any]) -> Path:
    """Run a notebook headlessly with papermill into `output`; it appears there only when it ran to its end.

    Raises NotebookError for an unknown parameter, before anything runs, and for a cell that failed; the failed copy is
    kept beside `output`.
    """
    import papermill
    from nbclient.exceptions import DeadKernelError

    known = parameters_of(notebook)
    if unknown := ", ".join(sorted(parameters.keys() - set(known))):
        raise NotebookError(f"{notebook.name}: unknown parameter {unknown}; it has: {', '.join(known) or 'none'}")
    if output.is_dir():
        raise NotebookError(f"{output} is a folder: name the file that the executed notebook is written to")
    output.parent.mkdir(parents=True, exist_ok=True)
    part = output.with_name(f"failed-{output.name}")
    try:
        papermill.execute_notebook(
            notebook, part, parameters, cwd=notebook.parent, progress_bar=False, log_output=True,
            stdout_file=sys.stdout, stderr_file=sys.stderr,
        )  # fmt: skip
    except papermill.PapermillExecutionError as error:
        raise NotebookError(f"{notebook.name} stopped: {error.ename}: {error.evalue}. See {part}.") from None
    except DeadKernelError:  # of which papermill leaves no trace in the copy
        words = "the process that ran it died, as it does where memory runs out"
        _say_on_top(part, f"**This notebook did not run to its end**: {words}.")
        raise NotebookError(f"{notebook.name} stopped: {words}. See {part}.") from None
    part.replace(output)
    return output


def _say_on_top(notebook: Path, words: str) -> None:
    import nbformat

    content = nbformat.reads(notebook.read_text(encoding="utf-8"), 4)  # type: ignore[no-untyped-call]
    content.cells.insert(0, nbformat.v4.new_markdown_cell(words))  # type: ignore[no-untyped-call]
    write_text(notebook, nbformat.writes(content))  # type: ignore[no-untyped-call]
