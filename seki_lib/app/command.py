"""Options that commands share: the folder of results, the LLM and its bounds, the loggers."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..files.checkout import RESULTS
from ..files.errors import RunError
from ..files.jsonl import write_json
from ..files.run_folder import read_config, result_if_whole
from ..llm import DEFAULT_LLM
from ..llm.budget import Limits
from ..loggers import chosen
from ..results import differences
from . import options as option


@dataclass(frozen=True, kw_only=True)
class Command:
    """What all commands about results share."""

    profile: option.ProfileName = "laptop"
    results: option.Folder = RESULTS  # the folder of all results

    def given(self, *names: str) -> dict[str, Any]:
        """Those of these options that were given."""
        return {name: value for name in names if (value := getattr(self, name)) not in (None, "")}


@dataclass(frozen=True, kw_only=True)
class Logged(Command):
    """A command whose rounds or epochs loggers may show."""

    log: option.LoggerNames = ()

    @property
    def loggers(self) -> list[str]:
        """Names of the loggers. Raises UnknownName, or SettingError for one that is not installed."""
        return chosen(self.log)


@dataclass(frozen=True, kw_only=True)
class Bounded(Command):
    """A command that asks LLMs."""

    llm: str = DEFAULT_LLM  # provider:model
    max_usd: str = ""  # at most so many dollars for LLMs, in this profile's folder, of all searches; also MAX_USD
    max_tokens: str = ""  # at most so many tokens, sent and received; also MAX_TOKENS
    max_calls: str = ""  # at most so many requests; also MAX_CALLS

    def bound(self) -> None:
        """Hand the bounds on to this process and its children. Raises LLMError for one that is no number."""
        for name, value in self.given("max_usd", "max_tokens", "max_calls").items():
            os.environ[name.upper()] = value
        Limits.from_environment()


def claim(folder: Path, asked: dict[str, Any]) -> None:
    """Write the LLM and the settings of a folder's answers, or check that they are the ones that the folder holds.

    Older folders hold no config.json; there the result names the LLM. Raises RunError if something differs.
    """
    path, earlier = folder / "config.json", result_if_whole(folder)
    old = {"llm": asked["llm"] | {"name": earlier["llm"]}} if earlier else asked
    there = read_config(folder) if path.exists() else old
    if differing := differences(there, asked):
        raise RunError(
            f"{folder} holds answers by other settings ({', '.join(differing)}). Next: another folder, --results DIR"
        )
    write_json(path, asked)
