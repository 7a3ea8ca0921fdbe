"""`%%prompt`: edit a prompt in a notebook cell, see what would be sent and what it would cost, then rerun from a round.

    from seki_lib.app import magics
    bench = magics.bench(run, setup.profile, setup.results)

    %%prompt critique --round 3
    … the template …

    for step in bench.rerun(3):
        print(step)

`--save [FILE]` also writes the template to a file, which `seki search --critique FILE` and papermill's parameter
`critique` take. Nothing is asked of the LLM, and nothing paid, before `rerun`.
"""

import argparse
import html
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from ..files.errors import SekiError, look_up
from ..llm import Completion, get_llm
from ..llm.base import LLM, CallSeed, Message, Question
from ..llm.budget import Limits
from ..llm.prices import as_of, price_of
from ..llm.transcript import recorded_calls
from ..profiles import Profile
from ..prompts import VARIABLES, Prompts, as_text
from ..results import RunSpec
from ..runs import first_rounds, kept_prompts, rerun, walk
from ..search import Repository, Step, run

CHARACTERS_A_TOKEN = 4  # of English, where nobody here can count an LLM's own tokens


@dataclass(frozen=True)
class Preview:
    """A prompt as it would be sent in one round. exact: whether the tokens were counted or guessed from the length."""

    stage: str
    round: int
    messages: list[Message]
    tokens: int
    exact: bool
    cost: str
    diff: str

    @property
    def title(self) -> str:
        """Where the prompt stands, its length and its cost, in one line."""
        about = "" if self.exact else "about "
        return f"Prompt {self.stage}, round {self.round}: {about}{self.tokens} tokens, {self.cost}"

    def __str__(self) -> str:
        changed = f"\n\nChanged against the default:\n{self.diff}" if self.diff else "\n\nThis is the default template."
        return f"{self.title}\n{'-' * 60}\n{as_text(self.messages)}{changed}"

    def _repr_html_(self) -> str:
        colour = {"+": "#d7f0dd", "-": "#f8dcd6", "@": "#e8edf5"}
        rows = "\n".join(
            f'<span style="background:{colour.get(line[:1], "none")}">{html.escape(line)}</span>'
            for line in self.diff.splitlines()
        )
        box = '<pre style="border:1px solid #bbb;padding:.6em;white-space:pre-wrap;margin:.3em 0 .8em">'
        changed = f"Changed against the default:{box}{rows}</pre>" if self.diff else "This is the default template."
        return f"<b>{html.escape(self.title)}</b>{box}{html.escape(as_text(self.messages))}</pre>{changed}"


class Bench:
    """The prompts of one notebook, and the run that they are tried on. `prompts` starts as the run's own."""

    def __init__(self, spec: RunSpec, profile: Profile, results: Path, prompts: Prompts | None = None):
        self.spec, self.profile, self.results = spec, profile, results
        self._llm = get_llm(spec.llm)
        self.default = prompts or Prompts.load(self._llm.templates)
        self.prompts = self.default

    def edit(self, stage: str, text: str) -> None:
        """Put this template in the place of a stage's. Raises PromptError, and then leaves everything as it was."""
        look_up("prompt", VARIABLES, stage)
        self.prompts = self.prompts.edited(**{stage: text})

    def preview(self, stage: str, round: int) -> Preview:
        """The stage's prompt as this round would send it. Asks the LLM nothing. Raises RunError."""
        look_up("prompt", VARIABLES, stage)
        seen = self._peek(stage, round)
        counted = self._llm.count_tokens(seen.messages)
        tokens = -(-len(as_text(seen.messages)) // CHARACTERS_A_TOKEN) if counted is None else counted
        default = self.default.edited(**{other: self.prompts.text(other) for other in VARIABLES if other != stage})
        cost = self._cost(tokens, seen.max_tokens)
        return Preview(stage, round, seen.messages, tokens, counted is not None, cost, default.diff(self.prompts))

    def save(self, stage: str, path: Path) -> Path:
        """Write the template of a stage to a file."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.prompts.text(stage), encoding="utf-8")
        return path.resolve()

    def rerun(self, round: int, rounds: int | None = None) -> Iterator[Step]:
        """Run this many rounds from this one on with the prompts as they are now; without `rounds`, all the rest.

        A fork: what came before is shared with the run and costs nothing; what was rerun once is in its transcript.
        """
        edited = self.prompts if self.prompts != self.default else None
        return rerun(self.spec, self.profile, self.results, round=round, rounds=rounds, prompts=edited)

    def _peek(self, stage: str, round: int) -> "_Seen":
        """What a search with these prompts would send; the search itself builds it."""
        records = first_rounds(self.spec, self.profile, self.results, round)
        transcript = self.spec.folder(self.results) / "transcript.jsonl"
        said = {(c["round"], c["stage"], c["attempt"]): c["reply"] for c in recorded_calls(transcript)}
        kept = kept_prompts(self.spec.folder(self.results))
        with walk(self.spec, self.profile, self.results, prompts=kept) as search:
            search.prompts, search.llm = self.prompts, _Peek(stage, said)
            search.repository = Repository(records=records)
            try:
                next(run(search))
            except _Seen as seen:
                return seen
            except _NotSent:
                pass
        lam = search.config.lam
        where = f"rounds {lam + 1} to {search.config.rounds}" if stage == "inspire" else f"rounds 1 to {lam}"
        raise SekiError(f"prompt {stage} is sent in {where}, not in round {round}")

    def _cost(self, tokens: int, reply: int) -> str:
        price = price_of(self.spec.llm, hosted=self._llm.hosted)
        if price is None:
            return "price not known"
        worst = price.dollars({"prompt_tokens": tokens, "completion_tokens": reply})
        bound = Limits.from_environment().usd
        limit = f", MAX_USD={bound:g}" if bound is not None else ""
        return f"at most ${worst:.5f} a call (prices of {as_of()}{limit})" if worst else "free of charge"


class _Seen(Exception):
    """The messages that a search was about to send."""

    def __init__(self, messages: list[Message], max_tokens: int):
        super().__init__()
        self.messages, self.max_tokens = messages, max_tokens


class _NotSent(Exception):
    """The round sends no such prompt."""


class _Peek(LLM):
    """Answers from what was said before, and stops where the prompt to be seen is sent."""

    name = "peek:"

    def __init__(self, stage: str, said: dict[tuple[int, str, int], str]):
        self._stage, self._said = stage, said

    def answer(self, question: Question) -> Completion:
        seed = question.seed
        assert isinstance(seed, CallSeed)  # noqa: S101 - a search asks with nothing else
        if seed.stage == self._stage:
            raise _Seen(question.messages, question.max_tokens)
        if seed.stage != "critique":
            raise _NotSent
        return Completion(self._said.get((seed.round, seed.stage, 0), "(what the LLM will answer to prompt critique)"))


def bench(spec: RunSpec, profile: Profile, results: Path, prompts: Prompts | None = None) -> Bench:
    """A bench for a run, and `%%prompt` bound to it in this notebook."""
    from IPython.core.getipython import get_ipython

    made = Bench(spec, profile, results, prompts)
    if shell := get_ipython():

        def cell_magic(line: str, cell: str) -> None:
            prompt(made, line, cell)

        shell.register_magic_function(cell_magic, "cell", "prompt")  # type: ignore[arg-type]
    return made


def prompt(bench: Bench, line: str, cell: str) -> None:
    """The cell magic: check the template, put it in place, show it. A mistake is one sentence, without a traceback."""
    from IPython.core.error import UsageError
    from IPython.display import display

    parser = argparse.ArgumentParser(prog="%%prompt", exit_on_error=False, add_help=False)
    parser.add_argument("stage", choices=list(VARIABLES))
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--save", nargs="?", const="", default=None)
    before = bench.prompts
    try:
        options = parser.parse_args(shlex.split(line))
        round = options.round or (bench.profile.lam + 1 if options.stage == "inspire" else 1)
        bench.edit(options.stage, cell)
        display(bench.preview(options.stage, round))  # type: ignore[no-untyped-call]
        if options.save is not None:
            default = bench.results / bench.spec.profile / "prompts" / f"{options.stage}.md.j2"
            print(f"saved: {bench.save(options.stage, Path(options.save) if options.save else default)}")
    except (SekiError, argparse.ArgumentError, SystemExit) as error:
        bench.prompts = before
        usage = "%%prompt critique|refine|inspire [--round N] [--save [FILE]]"
        raise UsageError(usage if isinstance(error, SystemExit) else str(error)) from None
