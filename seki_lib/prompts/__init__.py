"""The three prompt templates of the paper: critique C (Eq. 1), refine D (Eq. 3), inspire E (§4.2).

Templates are Jinja2 files. A variable that does not exist is an error that lists those that do. Three sets: `full` for
large models, in our words after §4 of the paper, `short` for those of about a billion parameters (docs/llms.md), and
`compact` for smaller ones (docs/embedded_llm.md).

A template may begin with a part between `<system>` and `</system>`: it becomes the system message. What stands there
should be the same in every round, so that a provider's prompt cache can keep it.
"""

import difflib
import hashlib
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, NamedTuple

from jinja2 import Environment, StrictUndefined, Template, TemplateError, TemplateSyntaxError, meta
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ..files.errors import SekiError, look_up
from ..llm import Message, get_llm

HERE = Path(__file__).parent
TEMPLATES: dict[str, Path] = {name: HERE / name for name in ("full", "short", "compact")}

_SUBJECT = {
    "task": "T: what is searched for, the metric and its direction",
    "metric": "f in a few words, such as accuracy; higher is better",
    "space": "Ω: what an architecture is and how it is spelled",
}
_CELL = {
    "architecture": "α(i-1): the cell to start from",
    "score": "f(α(i-1)): its score, a number; higher is better",
}
VARIABLES: dict[str, dict[str, str]] = {
    "critique": _SUBJECT | _CELL | {"edits": "the single changes that lead to a cell not seen yet, as texts"},
    "refine": _SUBJECT
    | _CELL
    | {"strategy": "OS(i): the optimisation strategy, what the LLM answered to the critique prompt"},
    "inspire": _SUBJECT | {"examples": "ξ cells of the k best, best first; each has .architecture and .score"},
}
"""What each template may use, with its meaning and the paper's symbol."""


class PromptError(SekiError, ValueError):
    """A template that does not parse or that uses a variable that does not exist."""


class Example(NamedTuple):
    """A known cell, as prompt E shows it."""

    architecture: str
    score: float


SYSTEM = re.compile(r"\A\s*<system>\n?(.*?)\n?</system>\n?(.*)\Z", re.DOTALL)
BROKEN = (  # what jinja2 raises for a template or its values
    TemplateError, TypeError, ValueError, LookupError, ArithmeticError, AttributeError, SyntaxError, RecursionError,
    MemoryError,
)  # fmt: skip
_jinja = ImmutableSandboxedEnvironment(  # a run folder from a stranger brings its own templates
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, autoescape=False
)


FILLED_IN = (
    "\ue000",
    "\ue001",
)  # around what a template fills in, where marked: no prompt holds these
_marking = _jinja.overlay(finalize=lambda value: f"{FILLED_IN[0]}{value}{FILLED_IN[1]}")


@dataclass(frozen=True)
class Prompts:
    """Three templates, by stage. Rendering gives the messages of one call.

    marked: with FILLED_IN around whatever is filled in, for people who read; never for an LLM.
    """

    texts: dict[str, str]
    marked: bool = False
    _templates: dict[str, list[tuple[str, Template]]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        jinja = _marking if self.marked else _jinja
        found = {stage: _compiled(jinja, stage, self.text(stage)) for stage in VARIABLES}
        object.__setattr__(self, "_templates", found)

    @classmethod
    def load(cls, templates: str = "full", **texts: str | None) -> "Prompts":
        """A set of default templates by name; `critique=`, `refine=`, `inspire=` override single ones by text."""
        folder = look_up("set of templates", TEMPLATES, templates)
        for stage in texts:
            look_up("prompt", VARIABLES, stage)
        return cls({s: texts.get(s) or (folder / f"{s}.md.j2").read_text(encoding="utf-8") for s in VARIABLES})

    @property
    def hashes(self) -> dict[str, str]:
        """A short hash of each template, part of a run's config."""
        return {stage: hashlib.sha256(self.text(stage).encode()).hexdigest()[:12] for stage in VARIABLES}

    @property
    def hash(self) -> str:
        """One short hash of all three, for the name of a run folder."""
        return hashlib.sha256("".join(self.hashes.values()).encode()).hexdigest()[:8]

    def text(self, stage: str) -> str:
        """The template of a stage. Raises UnknownName, which lists the stages, or PromptError if it is no text."""
        found = look_up("prompt", self.texts, stage)
        if not isinstance(found, str):
            raise PromptError(f"template {stage} must be a text, not {type(found).__name__}")
        if found != found.encode(errors="replace").decode():
            raise PromptError(f"template {stage} holds half of a character (a lone surrogate), which no file can hold")
        return found

    def edited(self, **texts: str) -> "Prompts":
        """The same prompts with some templates replaced. Raises PromptError, and UnknownName for another stage."""
        for stage in texts:
            look_up("prompt", VARIABLES, stage)
        return Prompts(self.texts | texts)

    def diff(self, other: "Prompts") -> str:
        """What `other` changes in these templates, as a unified diff; empty if nothing."""
        lines: list[str] = []
        for stage in VARIABLES:
            before, after = self.text(stage).splitlines(), other.text(stage).splitlines()
            lines += difflib.unified_diff(before, after, f"{stage} (default)", f"{stage} (edited)", lineterm="", n=1)
        return "\n".join(lines)

    def critique(self, **variables: Any) -> list[Message]:
        """Prompt^c_i = C(T, Ω, α(i-1), f(α(i-1))), Eq. 1. Takes VARIABLES["critique"]; the metric may be left out."""
        return self._render("critique", variables)

    def refine(self, **variables: Any) -> list[Message]:
        """Prompt^d_i = D(OS_i, α(i-1)), Eq. 3. Takes VARIABLES["refine"]; the metric may be left out."""
        return self._render("refine", variables)

    def inspire(self, **variables: Any) -> list[Message]:
        """Prompt^e_i = E(ξ of the k best cells with their scores), §4.2. Takes VARIABLES["inspire"], as above."""
        return self._render("inspire", variables)

    def _render(self, stage: str, variables: dict[str, Any]) -> list[Message]:
        filled = {"metric": "accuracy"} | variables
        try:
            messages: list[Message] = [
                {"role": role, "content": part.render(filled)} for role, part in self._templates[stage]
            ]
        except BROKEN as error:
            raise PromptError(f"template {stage} cannot be filled in: {error}") from None
        if not messages[-1]["content"].strip():
            raise PromptError(f"template {stage} asks nothing: what it fills in for this round is empty")
        return messages


@lru_cache(256)  # the searches of many seeds share their templates
def _compiled(jinja: Environment, stage: str, text: str) -> list[tuple[str, Template]]:
    """The parts of a template, each with its role. Raises PromptError if it is none, or uses an unknown variable."""
    try:
        unknown = meta.find_undeclared_variables(jinja.parse(text)) - VARIABLES[stage].keys()
        parts = [(role, jinja.from_string(part)) for role, part in by_role(text)]
    except TemplateSyntaxError as error:
        raise PromptError(f"template {stage}, line {error.lineno}: {error.message}") from None
    except BROKEN as error:
        raise PromptError(f"template {stage} cannot be read as a template: {error}") from None
    if unknown:
        known = "\n".join(f"  {name}: {meaning}" for name, meaning in VARIABLES[stage].items())
        raise PromptError(f"template {stage} uses {', '.join(sorted(unknown))}; it may use\n{known}")
    return parts


def prompts_from(llm: str, files: Mapping[str, Path | None]) -> Prompts | None:
    """The default prompts of an LLM with the templates of these files in their place; None without a file.

    Raises PromptError for a file that cannot be read or is no template of its stage.
    """
    texts = {}
    for stage, path in files.items():
        if path:
            try:
                texts[stage] = Path(path).expanduser().read_text(encoding="utf-8-sig")
            except (OSError, UnicodeError) as error:
                raise PromptError(f"template {stage}: {path} cannot be read ({error})") from None
            if not texts[stage].strip():
                raise PromptError(f"template {stage}: {path} is empty")
    return Prompts.load(get_llm(llm).templates, **texts) if texts else None


def by_role(text: str) -> list[tuple[str, str]]:
    """The parts of a template, each with the role it speaks in; split before anything is filled in.

    Raises PromptError for a `<system>` that does not begin the template or does not end: it would be sent as it stands.
    """
    text = text.removeprefix("\ufeff")
    found = SYSTEM.match(text)
    parts = [("system", found[1]), ("user", found[2])] if found else [("user", text)]
    if any(re.search(r"<\s*/?\s*system\s*>", part, re.IGNORECASE) for _, part in parts):
        raise PromptError(
            "<system> and </system> stand in small letters, once, and before everything else of a template: what is "
            "between them is the system message"
        )
    return parts


def as_text(messages: Sequence[Message]) -> str:
    """Messages as people read them."""
    if len(messages) == 1:
        return messages[0]["content"]
    return "\n\n".join(f"[{message['role']}]\n{message['content']}" for message in messages)
