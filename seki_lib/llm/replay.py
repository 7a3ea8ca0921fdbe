"""`replay:<run folder>`: the answers of an earlier run, for free and without a model."""

import json
from pathlib import Path
from typing import Any

from ..files.errors import LLMError
from .transcript import Recorder


class Replay(Recorder):
    """A transcript that brings the settings of its run, so that the run is asked in the same words."""

    def __init__(self, transcript: Path, recorded: dict[str, Any]):
        super().__init__(transcript, None)
        self.recorded = recorded
        self.templates = recorded["llm"]["templates"]
        self.settings = {"of": recorded["llm"]["name"]}
        edited = transcript.parent / "prompts"
        self.texts = {path.name.partition(".")[0]: path.read_text(encoding="utf-8-sig") for path in edited.glob("*.j2")}


def replay(folder: str) -> Replay:
    """The answers in `<folder>/transcript.jsonl`. Raises LLMError if there are none."""
    run = Path(folder)
    transcript, config = run / "transcript.jsonl", run / "config.json"
    for path in (transcript, config):
        if not path.is_file():
            raise LLMError(
                f"{path} does not exist: `replay:` takes a run folder, results/<profile>/searches/…/seed=<n>"
            )
    if (run / "fork.json").is_file():
        origin = json.loads((run / "fork.json").read_text())
        raise LLMError(
            f"{run} is a fork of {origin['of']} at round {origin['round']}: replay that one, or read its files."
        )
    return Replay(transcript, json.loads(config.read_text()))
