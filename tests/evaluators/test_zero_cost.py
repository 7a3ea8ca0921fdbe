"""Zero-cost scores equal their definitions, worked out by hand on small networks."""

import math

import pytest
import torch
from torch import nn

from seki_lib import get_evaluator, get_space
from seki_lib.datasets.at_hand import assets_at_hand
from seki_lib.evaluators.zero_cost import log_synflow, naswot
from seki_lib.files.errors import UnknownName
from seki_lib.nn import build_network, count

needs_cifar10 = pytest.mark.skipif(not assets_at_hand("cifar10"), reason="needs CIFAR-10: set SEKI_MIRROR")
SMALLEST = {  # one cell of each space, and one of more convolutions
    "nas201": (
        "|skip_connect~0|+|none~0|skip_connect~1|+|none~0|none~1|skip_connect~2|",
        "|nor_conv_3x3~0|+|nor_conv_3x3~0|nor_conv_3x3~1|+|nor_conv_3x3~0|nor_conv_3x3~1|nor_conv_3x3~2|",
    ),
    "trans101": ("64-41414-1_01_001", "64-41414-3_33_333"),
}


class TwoUnits(nn.Module):
    """Two ReLU units, x and -x, one by a module and one by a function."""

    def __init__(self):
        super().__init__()
        self.relu = nn.ReLU(inplace=True)

    def forward(self, images):
        x = images.flatten(1)
        return self.relu(x.clone()) + torch.relu(1 - x)


def test_naswot_is_the_log_determinant_of_how_many_units_agree():
    """Codes (x > 0, 1 - x > 0) of x = -1, .5, 2: (0,1), (1,1), (1,0). The first agrees with the others on 1 and 0."""
    images = torch.tensor([-1.0, 0.5, 2.0]).view(3, 1, 1, 1)
    determinant = 2 * (4 - 1) - 1 * (2 - 0)  # of [[2, 1, 0], [1, 2, 1], [0, 1, 2]]
    assert naswot(TwoUnits(), images) == pytest.approx(math.log(determinant))


def test_naswot_of_images_that_no_unit_tells_apart_is_low_and_finite():
    value = naswot(TwoUnits(), torch.full((3, 1, 1, 1), 0.5))
    assert math.isfinite(value) and value < -20


def test_synflow_is_the_sum_of_weights_times_their_gradients():
    """R = |2| · (|a|·1 + |b|·1) + |bias|: the weights' shares are |2|·|a|, |2|·|b|, |2|·(|a| + |b|) and |bias|."""
    network = nn.Sequential(nn.Flatten(), nn.Linear(2, 1, bias=False), nn.Linear(1, 1))
    with torch.no_grad():
        network[1].weight[:] = torch.tensor([[-3.0, 5.0]])
        network[2].weight[:], network[2].bias[:] = -2.0, -7.0
    images = torch.randn(4, 1, 1, 2)
    assert log_synflow(network, images) == pytest.approx(math.log(2 * 3 + 2 * 5 + 2 * (3 + 5) + 7))


def test_synflow_sees_batch_normalisation_after_one_batch():
    """One batch of mean 4 and variance 2 (n - 1) moves the statistics by a tenth: mean .4, variance .9 + .2."""
    network = nn.Sequential(nn.Conv2d(1, 1, 1, bias=False), nn.BatchNorm2d(1, affine=False))
    nn.init.constant_(network[0].weight, -1.0)
    images = torch.tensor([-3.0, -5.0]).view(2, 1, 1, 1)
    assert log_synflow(network, images) == pytest.approx(math.log(1 / math.sqrt(1.1 + 1e-5)))


def test_a_network_through_which_nothing_flows_gets_a_finite_score():
    network = nn.Sequential(nn.Flatten(), nn.Linear(1, 1, bias=False))
    nn.init.zeros_(network[1].weight)
    assert log_synflow(network, torch.ones(2, 1, 1, 1)) == -100


def test_parameters_are_those_of_the_benchmarks_network():
    space, cells = get_space("nas201"), SMALLEST["nas201"]
    evaluator = get_evaluator("zero_cost", space="nas201", task="cifar10", kind="params")
    for text in cells:
        network = build_network(space, text, channels=16, layers=5, classes=10)
        assert evaluator(space.parse(text)).score * 1e6 == sum(p.numel() for p in network.parameters())
    darts = get_space("darts")
    from seki_lib.spaces.darts import PUBLIC_GENOTYPES

    cell = darts.parse(PUBLIC_GENOTYPES["PC_DARTS"])
    size = count("darts", cell, channels=32, layers=8, classes=10).params_m
    assert get_evaluator("zero_cost:params", space="darts", task="cifar10")(cell).score == size


@needs_cifar10
@pytest.mark.parametrize("kind", ["params", "naswot", "synflow"])
@pytest.mark.parametrize("name", SMALLEST)
def test_every_score_prefers_the_larger_cell_is_the_same_again_and_says_its_bias(name, kind):
    space = get_space(name)
    small, large = (space.parse(text) for text in SMALLEST[name])
    one, other = (get_evaluator("zero_cost", space=name, task="cifar10", kind=kind) for _ in "ab")
    torch.manual_seed(1)
    first = one(small)
    before = torch.rand(1)
    torch.manual_seed(1)
    assert torch.rand(1) == before, "the caller's random numbers moved"
    assert first.score < one(large).score
    assert other(small).metrics == {kind: first.score} == one.final(small)
    assert one(small).seconds == 0
    assert "biased to large cells" in one.caveat(small) and "biased to large cells" in one.source.sentence


@needs_cifar10
@pytest.mark.parametrize("kind", ["naswot", "synflow"])
def test_a_cell_of_the_darts_space_is_scored(kind):
    from seki_lib.spaces.darts import PUBLIC_GENOTYPES

    cell = get_space("darts").parse(PUBLIC_GENOTYPES["DARTS_V2"])
    assert math.isfinite(get_evaluator("zero_cost", space="darts", task="cifar10", kind=kind)(cell).score)


def test_a_cell_of_nothing_gets_finite_scores():
    space = get_space("nas201")
    nothing = space.parse("|none~0|+|none~0|none~1|+|none~0|none~1|none~2|")
    for score in (naswot, log_synflow):
        network = build_network(space, nothing, channels=4, layers=1, classes=10)
        assert math.isfinite(score(network, torch.randn(8, 3, 8, 8)))


def test_names_that_do_not_exist_list_those_that_do():
    with pytest.raises(UnknownName, match="valid: params, naswot, synflow"):
        get_evaluator("zero_cost", space="nas201", task="cifar10", kind="grasp")
    with pytest.raises(UnknownName, match="valid: nas201, trans101, darts"):
        get_evaluator("zero_cost", space="darts_rnn", task="cifar10")
