"""Text: the counts that the field knows, the stand-in under its own name, and what is wrong by its name."""

import gzip
import hashlib

import pytest
import torch

from seki_lib.datasets.text import columns, load_text
from seki_lib.files.assets import ASSETS, Asset, locate
from seki_lib.files.errors import AssetError, TrainingError, UnknownName
from seki_lib.training.language_protocol import LanguageModelConfig
from seki_lib.training.protocol import dataset_at_hand


@pytest.fixture
def nothing_here(monkeypatch, tmp_path):
    monkeypatch.setenv("SEKI_DATA", str(tmp_path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.delenv("SEKI_MIRROR", raising=False)
    return tmp_path


def test_penn_treebank_has_the_counts_that_the_field_knows():
    if not (locate("ptb_train") or locate("ptb_train_gz")):
        pytest.skip("needs the Penn Treebank: set SEKI_MIRROR, or seki data fetch ptb")
    text = load_text("ptb")
    assert [len(part) for part in (text.train, text.valid, text.test)] == [929_589, 73_760, 82_430]
    assert len(text.words) == 10_000 and int(text.train.max()) == 9_999
    assert text.words[:3] == ("aer", "banknote", "berlitz") and "<eos>" in text.words and "<unk>" in text.words
    assert text.unigram_perplexity(text.test) == pytest.approx(639.79, abs=0.01)
    some = load_text("ptb", train=500, valid=10, test=20)
    assert [len(part) for part in (some.train, some.valid, some.test)] == [500, 10, 20] and some.words == text.words
    assert some.unigram_perplexity(text.test) == text.unigram_perplexity(text.test)  # of all that could be known


def test_the_stand_in_goes_by_its_own_name(nothing_here):
    assert dataset_at_hand("ptb", LanguageModelConfig(stand_in=True)) == "pydoc_topics"
    assert dataset_at_hand("ptb", LanguageModelConfig()) == "ptb"
    text = load_text("pydoc_topics")
    assert text.name == "pydoc_topics" and "no Penn Treebank" in text.source.sentence
    assert text.identity["dataset"] == "pydoc_topics" and len(text.source.sha256) == 64
    assert len(text.train) > 50_000 and len(text.test) > 1_000
    assert torch.bincount(text.train)[:-1].min() > 1  # what stands there once is <unk>


def test_a_text_that_is_not_here_names_the_next_step(nothing_here):
    with pytest.raises(AssetError, match=r'ptb: no text found.*Run "seki data fetch ptb", or put ptb.train.txt'):
        load_text("ptb")
    with pytest.raises(UnknownName, match="valid: ptb, pydoc_topics"):
        load_text("wikitext")


def test_the_compressed_text_is_the_published_one():
    for split in ("train", "valid", "test"):
        if not (path := locate(f"ptb_{split}_gz")):
            pytest.skip("needs the compressed Penn Treebank: set SEKI_MIRROR")
        content = gzip.decompress(path.read_bytes())
        assert hashlib.sha256(content).hexdigest() == ASSETS[f"ptb_{split}"].sha256


@pytest.mark.parametrize("compressed", [True, False])
def test_words_are_numbered_as_they_appear_in_the_training_text(nothing_here, monkeypatch, compressed):
    for split, text in {"train": b"a b\nb c\n", "valid": b"c", "test": b"b a\n"}.items():
        content = gzip.compress(text) if compressed else text
        path = nothing_here / (f"{split}.gz" if compressed else split)
        path.write_bytes(content)
        asset = Asset(path.name, hashlib.sha256(content).hexdigest(), "", "")
        monkeypatch.setitem(ASSETS, f"ptb_{split}_gz" if compressed else f"ptb_{split}", asset)
    text = load_text("ptb")
    assert text.words == ("a", "b", "<eos>", "c", "<unk>") and text.counts.tolist() == [1, 2, 2, 1, 0]
    assert [part.tolist() for part in (text.train, text.valid, text.test)] == [[0, 1, 2, 1, 3, 2], [3, 2], [1, 0, 2]]
    path.write_bytes(content + b"x")
    with pytest.raises(AssetError, match="is damaged or another version"):
        load_text("ptb")


def test_columns_read_on_where_the_row_above_ends():
    rows = columns(torch.arange(11), 3)
    assert rows.tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    with pytest.raises(TrainingError, match=r"11 words are too few for 5 columns. Next: a smaller batch"):
        columns(torch.arange(11), 5)
