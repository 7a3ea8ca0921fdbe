"""Text as three rows of word numbers: Penn Treebank, and Python's own documentation where this machine has no treebank.

    text = load_text("ptb")                 # text.train: (929589,) int64 in [0, 10000)

A word is what stands between blanks; each line ends with `<eos>`. `text.source` says which text it was, and goes with
every number.
"""

import gzip
import hashlib
import math
import platform
import re
from collections import Counter
from dataclasses import dataclass

import torch
from torch import Tensor

from ..files.assets import get_asset, locate, looked_in
from ..files.errors import AssetError, TrainingError, look_up
from ..files.source import DataSource
from .at_hand import TEXTS, assets_at_hand

SPLITS = ("train", "valid", "test")
EOS, UNKNOWN = "<eos>", "<unk>"
Lines = dict[str, list[list[str]]]  # split -> lines -> words


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
        """The perplexity of a model that knows only how often each word stands in the training text, plus one."""
        counts = self.counts.double() + 1
        return math.exp(-float((counts / counts.sum()).log()[part].mean()))


def load_text(name: str, *, train: int = 0, valid: int = 0, test: int = 0) -> Text:
    """A text from the best source on this machine; never touches the network.

    train, valid, test: how many words, the first of each part; 0 for all. The vocabulary is always the whole text's.
    Raises UnknownName, or AssetError that names the next step.
    """
    look_up("text", dict.fromkeys(TEXTS), name)
    lines, source = _ptb() if name == "ptb" else _pydoc_topics()
    words = {split: [word for line in lines[split] for word in (*line, EOS)] for split in SPLITS}
    number = {word: i for i, word in enumerate(dict.fromkeys([*words["train"], UNKNOWN]))}
    parts = {split: torch.tensor([number[word] for word in words[split]]) for split in SPLITS}
    counts = torch.bincount(parts["train"], minlength=len(number))
    for split, most in zip(SPLITS, (train, valid, test), strict=True):
        parts[split] = parts[split][: most or None]
    return Text(name, tuple(number), **parts, source=source, counts=counts)


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


def _ptb() -> tuple[Lines, DataSource]:
    group = assets_at_hand("ptb")
    if not group:
        raise AssetError(
            f'ptb: no text found. Looked in {looked_in()}. Run "seki data fetch ptb", or put ptb.train.txt, '
            "ptb.valid.txt and ptb.test.txt into the folder that SEKI_DATA names."
        )
    lines = {}
    for split, path in zip(SPLITS, filter(None, map(locate, group)), strict=True):
        content = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
        lines[split] = [line.split() for line in content.decode().splitlines()]
    asset = get_asset("ptb_train")  # the same text, whether it came compressed or not
    return lines, DataSource("ptb", "Penn Treebank, 10,000 words", asset.licence, asset.sha256)


def _pydoc_topics() -> tuple[Lines, DataSource]:
    """Of ten topics the ninth is validation and the tenth test text; what training has once only is an unknown word."""
    from pydoc_data.topics import topics

    lines: Lines = {split: [] for split in SPLITS}
    for i, name in enumerate(sorted(topics)):
        split = {8: "valid", 9: "test"}.get(i % 10, "train")
        lines[split] += [re.findall(r"\w+|[^\w\s]", line) for line in topics[name].lower().splitlines() if line.strip()]
    count = Counter(word for line in lines["train"] for word in line)
    known = {
        split: [[word if count[word] > 1 else UNKNOWN for word in line] for line in part]
        for split, part in lines.items()
    }
    digest = hashlib.sha256(repr(lines).encode()).hexdigest()
    sentence = (
        f"the documentation of Python {platform.python_version()} (pydoc_data.topics): no Penn Treebank on this machine"
    )
    return known, DataSource("pydoc_topics", sentence, "PSF-2.0 (Python)", digest)
