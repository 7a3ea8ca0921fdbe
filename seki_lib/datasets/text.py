"""Text as three rows of word numbers: Penn Treebank, and Python's own documentation where no treebank is at hand.

    text = load_text("ptb")                 # text.train: (929589,) int64 in [0, 10000)

A word is what stands between blanks; each line ends with `<eos>`. `text.source` says which text it was, and goes with
every number.
"""

import gzip
import hashlib
import math
import platform
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from ..files.assets import get_asset, locate, looked_in
from ..files.errors import AssetError, TrainingError, look_up
from ..files.source import DataSource
from .at_hand import TEXTS, assets_at_hand

PTB_TOKENS = {"train": 929_589, "valid": 73_760, "test": 82_430}  # with <eos>
PTB_WORDS = 10_000
EOS, UNKNOWN = "<eos>", "<unk>"


@dataclass(frozen=True)
class Text:
    """Training, validation and test text of one corpus as word numbers, int64, and where it comes from."""

    name: str
    words: tuple[str, ...]  # the vocabulary, in the order of first appearance in the training text
    train: Tensor
    valid: Tensor
    test: Tensor
    source: DataSource
    counts: Tensor  # (words,) how often each stands in the whole training text, however little of it is used

    @property
    def identity(self) -> dict[str, str]:
        """What the config of a training says of its text."""
        return {"dataset": self.name, "data": self.source.name, "sha256": self.source.sha256}

    def unigram_perplexity(self, part: Tensor) -> float:
        """Of the model that knows how often each word stands in the training text (plus one), and nothing else."""
        counts = self.counts.double() + 1
        return math.exp(-float((counts / counts.sum()).log()[part].mean()))


def load_text(name: str, *, train: int = 0, valid: int = 0, test: int = 0) -> Text:
    """A text from the best source on this machine; never touches the network.

    train, valid, test: how many words, the first of each part; 0 for all. The vocabulary is always the whole text's.
    Raises UnknownName, or AssetError that names the next step.
    """
    look_up("text", dict.fromkeys(TEXTS), name)
    text = _ptb() if name == "ptb" else _pydoc_topics()
    cut = (text.train[: train or None], text.valid[: valid or None], text.test[: test or None])
    return Text(text.name, text.words, *cut, text.source, text.counts)


def columns(part: Tensor, batch: int) -> Tensor:
    """(N,) words -> (N // batch, batch): each column reads on where its row above ends; what is left over is dropped.

    Raises TrainingError if that leaves fewer than 3 rows.
    """
    rows = len(part) // batch
    if rows < 3:
        raise TrainingError(
            f"{len(part):,} words are too few for {batch} columns. Next: a smaller batch, or more text."
        )
    return part[: rows * batch].view(batch, rows).t().contiguous()


def _ptb() -> Text:
    group = assets_at_hand("ptb")
    if not group:
        raise AssetError(
            f'ptb: no text found. Looked in {looked_in()}. Run "seki data fetch ptb", or put ptb.train.txt, '
            "ptb.valid.txt and ptb.test.txt into the folder that SEKI_DATA names."
        )
    paths = [path for path in map(locate, group) if path]
    lines = {split: _lines(path, split) for split, path in zip(PTB_TOKENS, paths, strict=True)}
    asset = get_asset("ptb_train")
    text = _number("ptb", lines, DataSource("ptb", "Penn Treebank, 10,000 words", asset.licence, asset.sha256))
    found = {split: len(getattr(text, split)) for split in PTB_TOKENS}
    if found != PTB_TOKENS or len(text.words) != PTB_WORDS:
        raise AssetError(f"{paths[0]}: {PTB_TOKENS} and {PTB_WORDS} words expected, found {found}, {len(text.words)}")
    return text


def _lines(path: Path, split: str) -> list[list[str]]:
    """The words of every line. Raises AssetError unless the text is the one with the known hash."""
    content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    expected = get_asset(f"ptb_{split}").sha256
    if (found := hashlib.sha256(content).hexdigest()) != expected:
        raise AssetError(f"{path}: the SHA-256 of its text is {found}, expected {expected}.")
    return [line.split() for line in content.decode().splitlines()]


def _pydoc_topics() -> Text:
    """Of ten topics the ninth is validation and the tenth test text; what training has once only is an unknown word."""
    from pydoc_data.topics import topics

    lines: dict[str, list[list[str]]] = {"train": [], "valid": [], "test": []}
    for i, name in enumerate(sorted(topics)):
        split = {8: "valid", 9: "test"}.get(i % 10, "train")
        lines[split] += [re.findall(r"\w+|[^\w\s]", line) for line in topics[name].lower().splitlines() if line.strip()]
    count: dict[str, int] = {}
    for line in lines["train"]:
        for word in line:
            count[word] = count.get(word, 0) + 1
    known = {
        split: [[word if count.get(word, 0) > 1 else UNKNOWN for word in line] for line in part]
        for split, part in lines.items()
    }
    digest = hashlib.sha256(repr(lines).encode()).hexdigest()
    sentence = f"the documentation of Python {platform.python_version()} (pydoc_data.topics): no Penn Treebank at hand"
    return _number("pydoc_topics", known, DataSource("pydoc_topics", sentence, "PSF-2.0 (Python)", digest))


def _number(name: str, lines: dict[str, list[list[str]]], source: DataSource) -> Text:
    """Words as numbers. Raises AssetError for a word that the training text does not have."""
    number: dict[str, int] = {}

    def numbers(part: Iterable[list[str]], grow: bool) -> Tensor:
        found = []
        for line in part:
            for word in (*line, EOS):
                if grow:
                    number.setdefault(word, len(number))
                found.append(number[word])
        return torch.tensor(found, dtype=torch.int64)

    train = numbers(lines["train"], True)
    number.setdefault(UNKNOWN, len(number))
    try:
        valid, test = (numbers(lines[split], False) for split in ("valid", "test"))
    except KeyError as error:
        raise AssetError(
            f"{name}: the word {error} of the validation or test text is not in the training text"
        ) from None
    return Text(name, tuple(number), train, valid, test, source, torch.bincount(train, minlength=len(number)))
