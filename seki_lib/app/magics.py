"""`%%prompt`: edit a prompt in a notebook cell, see what would be sent and what it would cost, then rerun from a round.

    from seki_lib.app import magics
    bench = magics.bench(run, setup.profile, setup.results)

    %%prompt critique --round 3
    … the template …

    for step in bench.rerun(3):
        print(step)
    bench.beside(3, rounds=2)               # the same rounds before and after, each cell drawn
    bench.compare(seeds=8)                  # whole searches with both, seed by seed: did it help?
    bench.pick("local:smollm2-135m,temperature=0.5", notation="names")     # another LLM or setting

`--save [FILE]` also writes the template to a file, which `seki search --critique FILE` and papermill's parameter
`critique` take. Nothing is asked of the LLM, and nothing paid, before `rerun`.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, fields, replace
from html import escape
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.getipython import get_ipython
from IPython.core.magic_arguments import MagicArgumentParser
from IPython.display import display

from ..files.errors import SekiError, look_up
from ..files.jsonl import make_folder, write_text
from ..files.run_folder import read_result
from ..files.user_input import user_path, variant_of, whole_number
from ..llm import LLM, get_llm
from ..llm.base import Message, Question
from ..llm.budget import Limits
from ..llm.prices import as_of, price_of
from ..llm.transcript import recorded_calls
from ..profiles import Profile
from ..prompts import FILLED_IN, VARIABLES, Prompts, as_text
from ..report.run_page import BeforeAfter
from ..report.statistics import interval
from ..results import RunSpec
from ..runs import first_rounds, kept_prompts, rerun, search_config, search_run, walk
from ..search import Repository, SearchConfig, Step, questions
from ..spaces import ReplySchema, get_space

CHARACTERS_A_TOKEN = 4  # of English, where nobody here can count an LLM's own tokens


@dataclass(frozen=True)
class Preview:
    """A prompt as it would be sent in one round: its place, length and cost, its text, what it changes.

    marked: the messages with what the template filled in between FILLED_IN; a notebook shows that in colour.
    """

    title: str
    messages: list[Message]
    marked: list[Message]
    diff: str  # against the default template; empty if nothing

    @property
    def changed(self) -> str:
        """What was edited, in a line or as a diff."""
        return f"Changed against the default:\n{self.diff}" if self.diff else "This is the default template."

    def __str__(self) -> str:
        return f"{self.title}\n{'-' * 60}\n{as_text(self.messages)}\n\n{self.changed}"

    __repr__ = __str__

    def _repr_html_(self) -> str:
        text = escape(as_text(self.marked))
        for mark, tag in zip(FILLED_IN, ("<mark>", "</mark>"), strict=True):
            text = text.replace(mark, tag)
        pre = '<pre style="white-space: pre-wrap; text-align: left; font-family: monospace">'
        title = f"<b>{escape(self.title)}</b>. Marked: what the template filled in."
        return f"{title}{pre}{text}</pre>{pre}{escape(self.changed)}</pre>"


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
        self._name, self._llm, self._changes = spec.llm, get_llm(spec.llm), dict[str, Any]()
        self._own = prompts
        self.default = self.prompts = self._prompts_of(self._llm)

    def _prompts_of(self, llm: LLM) -> Prompts:
        """What an LLM is asked by, unedited: the run's own prompts if it has some, else the LLM's."""
        return self._own or Prompts.load(llm.templates)

    def pick(self, llm: str = "", **changes: Any) -> None:
        """From now on `rerun` and `compare` ask this LLM, with these settings. `pick()` returns to the run's own.

        llm: such as "local:smollm2-135m,temperature=0.5". changes: fields of SearchConfig, such as notation="names".
        Prompts that were not edited become the LLM's own. Raises UnknownName, LLMError or SettingError, and then
        changes nothing.
        """
        asked = get_llm(called := llm or self.spec.llm)
        for name in changes:  # a run's seed is its own, and `rerun` says how many rounds
            settings = {field.name: field for field in fields(SearchConfig) if field.name not in ("seed", "rounds")}
            look_up("setting", settings, name)
        config = search_config(self.profile, asked, self.spec.seed, **changes)
        get_space(self.spec.space).notation(config.notation)
        default = self._prompts_of(asked)
        self.prompts = default if self.prompts == self.default else self.prompts
        self._name, self._llm, self._changes, self.default = called, asked, changes, default

    def edit(self, stage: str, text: str) -> None:
        """Put this template in the place of a stage's. If it raises PromptError, nothing changes."""
        look_up("prompt", VARIABLES, stage)
        self.prompts = self.prompts.edited(**{stage: text})

    def preview(self, stage: str, round: int) -> Preview:
        """The stage's prompt as this round would send it. Asks the LLM nothing. Raises RunError."""
        question = self._question(stage, round, self.prompts)
        marked = self._question(stage, round, replace(self.prompts, marked=True)).messages
        counted = self._llm.count_tokens(question.messages)
        tokens = -(-len(as_text(question.messages)) // CHARACTERS_A_TOKEN) if counted is None else counted
        length = f"{'about ' * (counted is None)}{tokens} tokens, {self._cost(tokens, question.max_tokens)}"
        only_this = self.default.edited(**{stage: self.prompts.text(stage)})
        title = f"Prompt {stage}, round {round}: {length}"
        return Preview(title, question.messages, marked, self.default.diff(only_this))

    def rerun(self, round: int, rounds: int | None = None) -> Iterator[Step]:
        """Run this many rounds from this one on with the current prompts; without `rounds`, all the rest.

        This is a fork: it shares the earlier rounds with the run, and they cost nothing. It keeps its own answers, so
        you can rerun the same rounds again at no cost. Raises SettingError for a number of rounds below one.
        """
        for number in (round, 1 if rounds is None else rounds):
            whole_number(str(number), 1)
        edited = self.prompts if self.prompts != self.default else None
        asked: dict[str, Any] = {"prompts": edited, "llm": self._name, **self._changes}
        return rerun(self.spec, self.profile, self.results, round=round, rounds=rounds, **asked)

    def beside(self, round: int, rounds: int) -> BeforeAfter:
        """Rounds from this one on, twice: as the run has them, and with the current prompts and picks."""
        after = [step.record for step in self.rerun(round, rounds)]
        before = first_rounds(self.spec, self.profile, self.results, round + len(after))[round:]
        return BeforeAfter(self.spec.space, before, after)

    def compare(self, seeds: int = 8) -> Paired:
        """Run whole searches with the run's own settings and with the current picks and edits, seed by seed.

        seeds: how many, counted from the run's own. Each seed prints one line when it ends. If you stop this and call
        it again, it continues where it was, and asks nothing twice. Raises SettingError for less than one.
        """
        seeds = whole_number(str(seeds), 1)
        scores: list[tuple[float, float]] = []
        for seed in range(self.spec.seed, self.spec.seed + seeds):
            before = self._best(seed, self.spec.llm, self._prompts_of(get_llm(self.spec.llm)))
            after = self._best(seed, self._name, self.prompts, **self._changes)
            scores.append((before, after))
            print(f"seed {seed}: best {before:.2f} before, {after:.2f} with your changes", flush=True)
        return Paired(tuple(scores))

    def _best(self, seed: int, llm: str, prompts: Prompts, **changes: Any) -> float:
        """The score of the best cell of a whole search, which is run or gone on with if it is not finished."""
        edited = None if prompts == Prompts.load(get_llm(llm).templates) else prompts
        named = changes | ({"prompts": prompts.hash} if edited else {})
        spec = replace(self.spec, seed=seed, llm=llm, variant=variant_of(named))
        folder = search_run(spec, self.profile, self.results, prompts=edited, **changes)
        return float(read_result(folder)["score"])

    def cell_magic(self, line: str, cell: str) -> None:
        """`%%prompt`: check the template, put it in place, show it. A mistake is one sentence, without a traceback."""
        try:
            words = shlex.split(line)
        except ValueError as error:
            raise UsageError(f"{line}: {error}") from None
        given, before = _arguments().parse_args(words), self.prompts
        try:
            self.edit(given.stage, cell.replace("\r\n", "\n"))  # as a file of it is read
            first = self.profile.lam + 1 if given.stage == "inspire" else 1
            at = first if given.round is None else whole_number(given.round, 1)
            display(self.preview(given.stage, at))  # type: ignore[no-untyped-call]
            if given.save is not None:
                default = self.results / self.spec.profile / "prompts" / f"{given.stage}.md.j2"
                path = user_path(given.save) if given.save else default
                make_folder(path.parent)
                write_text(path, self.prompts.text(given.stage))
                print(f"saved: {path.resolve()}")
        except Exception as error:
            self.prompts = before
            if isinstance(error, SekiError):
                raise UsageError(str(error)) from None
            raise

    def _question(self, stage: str, round: int, prompts: Prompts) -> Question:
        """What a search with these prompts asks in this round. A refinement carries out what the run's critique got."""
        look_up("prompt", VARIABLES, stage)
        whole_number(str(round), 1)
        records, folder = first_rounds(self.spec, self.profile, self.results, round), self.spec.folder(self.results)
        with walk(self.spec, self.profile, self.results, prompts=kept_prompts(folder)) as run:
            config = search_config(self.profile, self._llm, self.spec.seed, **self._changes)
            search = replace(run, prompts=prompts, repository=Repository(records=records), config=config)
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
            schema = critique.schema
            choice = schema.choice(said) if isinstance(schema, ReplySchema) and not schema.called else None
            return questions.refine(search, round, choice or said)

    def _cost(self, tokens: int, reply: int) -> str:
        price = price_of(self._llm.name, hosted=self._llm.hosted)
        if price is None:
            return "price not known"
        worst = price.dollars({"prompt_tokens": tokens, "completion_tokens": reply})
        bound = Limits.from_environment().usd
        limit = f", MAX_USD={bound:g}" if bound is not None else ""
        return f"at most ${worst:.5f} a call (prices of {as_of()}{limit})" if worst else "free of charge"


def _arguments() -> MagicArgumentParser:
    parser = MagicArgumentParser("%%prompt", add_help=False)  # type: ignore[no-untyped-call]
    parser.add_argument("stage", choices=list(VARIABLES))
    parser.add_argument("--round")
    parser.add_argument("--save", nargs="?", const="", metavar="FILE")
    return parser


def bench(spec: RunSpec, profile: Profile, results: Path, prompts: Prompts | None = None) -> Bench:
    """A bench for a run, and `%%prompt` bound to it in this notebook."""
    made = Bench(spec, profile, results, prompts)
    if shell := get_ipython():
        shell.register_magic_function(made.cell_magic, "cell", "prompt")  # type: ignore[arg-type]
    return made
