"""Language models: sizes and values of the public code, masks, and a supernet that holds every cell."""

import json
import random
from pathlib import Path

import pytest
import torch
from torch import nn

from seki_lib.files.errors import InvalidArchitecture
from seki_lib.nn import build_language_model
from seki_lib.nn.count import parameters
from seki_lib.nn.language_model import Dropouts
from seki_lib.spaces import get_space
from seki_lib.spaces.darts_rnn import PUBLIC_GENOTYPES, RnnGenotype

REFERENCE = json.loads((Path(__file__).parent / "reference_networks.json").read_text())
SPACE = get_space("darts_rnn")
TOKENS = (torch.arange(10).view(5, 2) * 3) % 20


def filled(model):
    """The rule of the reference values, in double precision."""
    model = model.double()

    def wave(parameter, offset):
        i, j = torch.meshgrid(*map(torch.arange, parameter.shape), indexing="ij")
        parameter.data = torch.sin(offset + i + 2 * j).double() / 2

    wave(model.encoder.weight, 0.5)
    model.decoder.weight = model.encoder.weight
    wave(model.cell.W0, 1)
    for k, weight in enumerate(model.cell.Ws):
        wave(weight, 2 + k)
    model.decoder.bias.data = 0.01 * torch.arange(len(model.decoder.bias)).double()
    return model


def small(arch, **options):
    return build_language_model(arch, vocabulary=20, embedding=6, hidden=6, **options)


@pytest.mark.parametrize("name", PUBLIC_GENOTYPES)
def test_sizes_are_those_of_the_public_code(name):
    with torch.device("meta"):
        model = build_language_model(PUBLIC_GENOTYPES[name], vocabulary=10_000, embedding=850, hidden=850)
    assert parameters(model) == REFERENCE["rnn_850_vocab10000"][name]["params"]
    assert REFERENCE["rnn_850_vocab10000"][name]["params"] == {"ENAS": 27_295_000}.get(name, 22_960_000)


@pytest.mark.parametrize("name", ["DARTS_V1", "ENAS"])
def test_values_are_those_of_the_public_code(name):
    model = filled(small(PUBLIC_GENOTYPES[name])).eval()
    log_probs, hidden = model(TOKENS, torch.zeros(2, 6, dtype=torch.float64))
    loss = nn.functional.nll_loss(log_probs.view(-1, 20), torch.arange(1, 11))
    assert loss.item() == pytest.approx(REFERENCE["forward_values"]["rnn"]["nll"][name], abs=1e-9)
    assert hidden.shape == (2, 6)


def test_the_parameters_have_the_names_that_the_docstring_says():
    names = [name for name, _ in small(PUBLIC_GENOTYPES["DARTS_V2"]).named_parameters()]
    assert sorted(names) == sorted(["encoder.weight", "cell.W0", *(f"cell.Ws.{k}" for k in range(8)), "decoder.bias"])


def test_a_sequence_may_be_read_in_parts():
    model = small(PUBLIC_GENOTYPES["DARTS_V2"]).eval()
    whole, last = model(TOKENS)
    first, hidden = model(TOKENS[:2])
    second, again = model(TOKENS[2:], hidden)
    torch.testing.assert_close(torch.cat([first, second]), whole)
    torch.testing.assert_close(again, last)


def test_a_mask_is_the_same_in_every_step_and_keeps_the_expectation():
    torch.manual_seed(0)
    model = build_language_model(PUBLIC_GENOTYPES["DARTS_V2"], vocabulary=50, embedding=400, hidden=400)
    model.dropouts = Dropouts(output=0.75)
    _, states, dropped = model.read(torch.randint(50, (6, 4)))
    zeros = dropped == 0
    assert torch.equal(zeros, zeros[:1].expand_as(zeros)) and float(zeros.float().mean()) == pytest.approx(
        0.75, abs=0.05
    )
    torch.testing.assert_close(dropped[~zeros], 4 * states[~zeros])
    model.eval()
    _, states, dropped = model.read(torch.randint(50, (6, 4)))
    assert torch.equal(states, dropped)


@pytest.mark.parametrize("kind", Dropouts.__dataclass_fields__)
def test_each_dropout_changes_training_and_not_evaluation(kind):
    torch.manual_seed(0)
    model = small(PUBLIC_GENOTYPES["DARTS_V1"])
    plain = model(TOKENS)[0]
    model.dropouts = Dropouts(**{kind: 0.5})
    assert not torch.equal(model(TOKENS)[0], model(TOKENS)[0])
    torch.testing.assert_close(model.eval()(TOKENS)[0], plain)


def test_dropped_words_are_dropped_wherever_they_stand_and_weights_only_where_states_pass():
    torch.manual_seed(0)
    model = small(PUBLIC_GENOTYPES["DARTS_V1"])
    model.dropouts = Dropouts(words=0.999999)
    same = model(TOKENS)[0]
    torch.testing.assert_close(same, same[:1, :1].expand_as(same))  # no word came through
    model.dropouts = Dropouts(weights=0.999999)
    _, states, _ = model.read(TOKENS[:1])
    assert states.abs().max().item() > 0  # W0's rows of the word itself are kept


def one_hot(model, genotype):
    """Architecture weights that leave only this cell of the mixture."""
    alphas = torch.full_like(model.cell.alphas, -1e3)
    alphas[:, 0] = 1e3
    edge = 0
    for node, (operation, source) in enumerate(genotype.recurrent, start=1):
        alphas[edge + source] = -1e3
        alphas[edge + source, 1 + SPACE.operations.index(operation)] = 1e3
        edge += node
    model.cell.alphas.data = alphas


@pytest.mark.parametrize("mode", [True, False])
def test_every_cell_is_one_path_of_the_mixture_and_can_be_read_off_it(mode):
    torch.manual_seed(0)
    rng = random.Random(0)
    for _ in range(5):
        genotype = SPACE.random(rng)
        model = small(None, search=True).train(mode)
        one_hot(model, genotype)
        mixture = model(TOKENS)[0]
        assert model.cell.derive() == genotype
        model.cell.genotype = genotype
        torch.testing.assert_close(model(TOKENS)[0], mixture)


def test_the_mixture_has_gradients_for_all_weights_and_architecture_weights():
    model = small(None, search=True)
    nn.functional.nll_loss(model(TOKENS)[0].view(-1, 20), torch.arange(1, 11)).backward()
    assert all(parameter.grad is not None and parameter.grad.abs().sum() > 0 for parameter in model.parameters())
    assert model.cell.alphas.shape == (36, 5) and [type(m) for m in model.modules()].count(nn.BatchNorm1d) == 1


def test_what_no_model_has_is_refused():
    with pytest.raises(ValueError, match="embedding 6 must be hidden 8"):
        build_language_model(PUBLIC_GENOTYPES["DARTS_V1"], vocabulary=20, embedding=6, hidden=8)
    with pytest.raises(InvalidArchitecture, match="nodes 1-8"):
        small(PUBLIC_GENOTYPES["ENAS"], search=True)
    with pytest.raises(TypeError, match="an RnnGenotype or its text"):
        small(None)
    with pytest.raises(InvalidArchitecture):
        small(RnnGenotype((("tanh", 0),)), search=True)
