"""A hook hears each epoch of a real training once, and decides nothing."""

from seki_lib.loggers import on_epoch
from seki_lib.training.classifier import train_classifier

from .tiny import ARCH, TINY, metrics, same_bits, weights


def test_a_hook_hears_each_epoch_and_the_weights_are_those_of_a_training_without(digits, whole, tmp_path):
    heard, said = [], []
    say = on_epoch(tmp_path, heard.append, said.append)
    train_classifier("darts", ARCH, digits, TINY, tmp_path, say=say)
    assert [line["epoch"] for line in heard] == list(range(1, TINY.epochs + 1))
    assert all({"lr", "train_loss", "train_error", "test_error"} <= line.keys() for line in heard)
    assert len(said) == TINY.epochs and metrics(tmp_path) == metrics(whole)
    assert same_bits(weights(tmp_path), weights(whole))
    train_classifier("darts", ARCH, digits, TINY, tmp_path, say=on_epoch(tmp_path, heard.append))  # finished
    assert len(heard) == TINY.epochs
