"""`%%prompt`: edit a prompt in a notebook cell, see what would be sent and what it would cost, then rerun from a round.

    from seki_lib.app import magics
    bench = magics.bench(run, setup.profile, setup.results)

    %%prompt critique --round 3
    … the template …

    for step in bench.rerun(3):
        print(step)
    bench.beside(3, rounds=2)               # the same rounds before and after, each cell drawn
    bench.compare(seeds=8)                  # whole searches with both, seed by seed: what tells whether it helped

`--save [FILE]` also writes the template to a file, which `seki search --critique FILE` and papermill's parameter
`critique` take. Nothing is asked of the LLM, and nothing paid, before `rerun`.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython
from IPython.core.magic_arguments import MagicArgumentParser

from ..files.errors import SekiError, look_up
from ..files.jsonl import read_json
from ..llm import get_llm
from ..llm.base import Message, Question
from ..llm.budget import Limits
from ..llm.prices import as_of, price_of
from ..llm.transcript import recorded_calls
from ..profiles import Profile
from ..prompts import VARIABLES, Prompts, as_text
from ..report.run_page import BeforeAfter
from ..report.statistics import interval
from ..results import RunSpec
from ..runs import first_rounds, kept_prompts, rerun, search_run, walk, with_prompts
from ..search import Repository, Step, questions
from ..spaces import ReplySchema

CHARACTERS_A_TOKEN = 4  # of English, where nobody here can count an LLM's own tokens


@dataclass(frozen=True)
class Preview:
    """A prompt as it would be sent in one round: its place, length and cost, its text, what it changes."""

    title: str
    messages: list[Message]
    diff: str  # against the default template; empty if nothing

    def __str__(self) -> str:
        changed = f"Changed against the default:\n{self.diff}" if self.diff else "This is the default template."
        return f"{self.title}\n{'-' * 60}\n{as_text(self.messages)}\n\n{changed}"


@dataclass(frozen=True)
class Paired:
    """Best scores of whole searches, a pair a seed: before, and after a change."""

    scores: tuple[tuple[float, float], ...]

    def __str__(self) -> str:
        differences = [after - before for before, after in self.scores]
        low, high = interval(differences)
        wins, n = sum(d > 0 for d in differences), len(differences)
        mean = f"{sum(differences) / n:+.2f} points, higher in {wins} of {n} seeds"
        if n < 2:
            return f"{mean}. One seed has no interval: it proves nothing."
        told = "The interval holds 0: no difference is shown." if low <= 0 <= high else "The interval excludes 0."
        return f"{mean}; 95 % interval of the mean [{low:+.2f}, {high:+.2f}]. {told}"

    __repr__ = __str__


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
        question = self._question(stage, round)
        counted = self._llm.count_tokens(question.messages)
        tokens = -(-len(as_text(question.messages)) // CHARACTERS_A_TOKEN) if counted is None else counted
        length = f"{'about ' * (counted is None)}{tokens} tokens, {self._cost(tokens, question.max_tokens)}"
        only_this = self.default.edited(**{stage: self.prompts.text(stage)})
        return Preview(f"Prompt {stage}, round {round}: {length}", question.messages, self.default.diff(only_this))

    def rerun(self, round: int, rounds: int | None = None) -> Iterator[Step]:
        """Run this many rounds from this one on with the prompts as they are now; without `rounds`, all the rest.

        A fork: what came before is shared with the run and costs nothing; what was rerun once is in its transcript.
        """
        edited = self.prompts if self.prompts != self.default else None
        return rerun(self.spec, self.profile, self.results, round=round, rounds=rounds, prompts=edited)

    def beside(self, round: int, rounds: int) -> BeforeAfter:
        """Some rounds from one on: as the run has them, and as they come out with the prompts as they are now."""
        after = [step.record for step in self.rerun(round, rounds)]
        before = first_rounds(self.spec, self.profile, self.results, round + len(after))[round:]
        return BeforeAfter(self.spec.space, before, after)

    def compare(self, seeds: int = 8) -> Paired:
        """Whole searches with the run's prompts and with those of now, for this many seeds from the run's own on.

        A line a seed as it ends. Stopped and called again, it goes on where it was, and asks nothing twice.
        """
        scores: list[tuple[float, float]] = []
        for seed in range(self.spec.seed, self.spec.seed + seeds):
            pair = [self._best(seed, prompts) for prompts in (self.default, self.prompts)]
            scores.append((pair[0], pair[1]))
            print(f"seed {seed}: best {pair[0]:.2f} before, {pair[1]:.2f} with your words", flush=True)
        return Paired(tuple(scores))

    def _best(self, seed: int, prompts: Prompts) -> float:
        """The score of the best cell of a whole search, which is run or gone on with if it is not finished."""
        usual = Prompts.load(self._llm.templates)
        spec = with_prompts(replace(self.spec, seed=seed, variant="default"), None if prompts == usual else prompts)
        folder = search_run(spec, self.profile, self.results, prompts=None if prompts == usual else prompts)
        return float(read_json(folder / "result.json")["score"])

    def cell_magic(self, line: str, cell: str) -> None:
        """`%%prompt`: check the template, put it in place, show it. A mistake is one sentence, without a traceback."""
        given, before = _arguments().parse_argstring(line), self.prompts  # type: ignore[no-untyped-call]
        try:
            self.edit(given.stage, cell)
            print(self.preview(given.stage, given.round or (self.profile.lam + 1 if given.stage == "inspire" else 1)))
        except SekiError as error:
            self.prompts = before
            raise UsageError(str(error)) from None
        if given.save is not None:
            default = self.results / self.spec.profile / "prompts" / f"{given.stage}.md.j2"
            path = Path(given.save) if given.save else default
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(self.prompts.text(given.stage), encoding="utf-8")
            print(f"saved: {path.resolve()}")

    def _question(self, stage: str, round: int) -> Question:
        """What a search with these prompts asks in this round. A refinement carries out what the run's critique got."""
        look_up("prompt", VARIABLES, stage)
        records, folder = first_rounds(self.spec, self.profile, self.results, round), self.spec.folder(self.results)
        with walk(self.spec, self.profile, self.results, prompts=kept_prompts(folder)) as search:
            search.prompts, search.repository = self.prompts, Repository(records=records)
            lam, last = search.config.lam, search.config.rounds
            sent = range(lam + 1, last + 1) if stage == "inspire" else range(1, lam + 1)
            if round not in sent:
                raise SekiError(f"prompt {stage} is sent in rounds {sent[0]} to {sent[-1]}, not in round {round}")
            if stage == "inspire":
                return questions.inspire(search, round)
            critique = questions.critique(search, round)
            if stage == "critique":
                return critique
            calls = {(c["round"], c["stage"]): c["reply"] for c in recorded_calls(folder / "transcript.jsonl")}
            said = calls.get((round, "critique"), "(what the LLM will answer to prompt critique)")
            choice = critique.schema.choice(said) if isinstance(critique.schema, ReplySchema) else None
            return questions.refine(search, round, choice or said)

    def _cost(self, tokens: int, reply: int) -> str:
        price = price_of(self.spec.llm, hosted=self._llm.hosted)
        if price is None:
            return "price not known"
        worst = price.dollars({"prompt_tokens": tokens, "completion_tokens": reply})
        bound = Limits.from_environment().usd
        limit = f", MAX_USD={bound:g}" if bound is not None else ""
        return f"at most ${worst:.5f} a call (prices of {as_of()}{limit})" if worst else "free of charge"


def _arguments() -> MagicArgumentParser:
    parser = MagicArgumentParser("%%prompt", add_help=False)  # type: ignore[no-untyped-call]
    parser.add_argument("stage", choices=list(VARIABLES))
    parser.add_argument("--round", type=int, default=0)
    parser.add_argument("--save", nargs="?", const="", metavar="FILE")
    return parser


def bench(spec: RunSpec, profile: Profile, results: Path, prompts: Prompts | None = None) -> Bench:
    """A bench for a run, and `%%prompt` bound to it in this notebook."""
    made = Bench(spec, profile, results, prompts)
    if shell := get_ipython():
        shell.register_magic_function(made.cell_magic, "cell", "prompt")  # type: ignore[arg-type]
    return made
