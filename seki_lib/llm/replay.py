"""`replay:<run folder>`: the answers of an earlier run, for free and without a model."""

from pathlib import Path

from ..files.errors import LLMError
from ..files.jsonl import is_there, read_json, read_text
from ..files.run_folder import read_config
from .transcript import Recorder


class Replay(Recorder):
    """The transcript of a run with the settings of that run, so that the same words are asked."""

    def __init__(self, folder: str):
        run = Path(folder)
        for path in (run / "transcript.jsonl", run / "config.json"):
            if not is_there(path):
                raise LLMError(
                    f"{path} does not exist: `replay:` takes a run folder, results/<profile>/searches/…/seed=<n>"
                )
        if (run / "fork.json").is_file():
            of, round = (read_json(run / "fork.json")[name] for name in ("of", "round"))
            raise LLMError(f"{run} is a fork of {of} at round {round}: replay that one, or read its files.")
        super().__init__(run / "transcript.jsonl", None)
        self.recorded = read_config(run)
        self.templates = self.recorded["llm"]["templates"]
        self.settings = {"of": self.recorded["llm"]["name"]}
        edited = (run / "prompts").glob("[!.]*.j2")
        self.texts = {path.name.partition(".")[0]: read_text(path) for path in edited}
