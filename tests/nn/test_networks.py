"""Networks equal the public reference code: trainable parameters, multiply-adds, forward values in float64."""

import random

import pytest
import torch
from reference_values import VECTORS, fill, images, parameters
from torch.utils.flop_counter import FlopCounterMode

from seki_lib.files.errors import InvalidArchitecture, UnknownName
from seki_lib.nn import Size, build_network, count, count_parameters
from seki_lib.nn.darts_parameters import Parameters
from seki_lib.spaces import DartsGenotype, get_space
from seki_lib.spaces.nas201 import OPERATIONS as NAS201_OPERATIONS


def edges(text):
    names = VECTORS["abbreviations"]
    return tuple((names[name], int(source)) for name, _, source in (edge.partition(":") for edge in text.split()))


GENOTYPES = {
    name: DartsGenotype(edges(entry["normal"]), edges(entry["reduce"])) for name, entry in VECTORS["genotypes"].items()
}


def nas201(digits):
    order = ("none", "skip_connect", "nor_conv_1x1", "nor_conv_3x3", "avg_pool_3x3")
    a, b, c, d, e, f = (order[int(digit)] for digit in digits)
    return f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"


@pytest.mark.parametrize("name", GENOTYPES)
def test_cifar_networks_have_the_reference_parameters(name):
    for classes in (10, 100):
        for auxiliary in (False, True):
            sizes = {"channels": 36, "layers": 20, "classes": classes, "auxiliary": auxiliary}
            expected = VECTORS["cifar_C36_L20"][name][f"c{classes}{'_aux' * auxiliary}"]
            assert parameters(build_network("darts", GENOTYPES[name], **sizes)) == expected
            macs = VECTORS["cifar_C36_L20"][name]["macs_32"] + (classes - 10) * 576
            assert count("darts", GENOTYPES[name], **sizes) == Size(expected, macs)


@pytest.mark.parametrize("name", GENOTYPES)
def test_imagenet_networks_have_the_reference_parameters(name):
    for auxiliary in (False, True):
        sizes = {"channels": 48, "layers": 14, "classes": 1000, "auxiliary": auxiliary, "stem": "imagenet"}
        expected = VECTORS["imagenet_C48_L14"][name]
        total = expected["params" + "_aux" * auxiliary]
        assert parameters(build_network("darts", GENOTYPES[name], **sizes)) == total
        assert count("darts", GENOTYPES[name], **sizes) == Size(total, expected["macs_224"])


def test_nas201_networks_have_the_reference_parameters():
    entries = {k: v for k, v in VECTORS["nas201_C16_N5_cifar10"].items() if k != "digits"}
    assert len(entries) == 5
    for digits, (total, macs) in entries.items():
        sizes = {"channels": 16, "layers": 5, "classes": 10}
        assert parameters(build_network("nas201", nas201(digits), **sizes)) == total
        assert count("nas201", nas201(digits), **sizes) == Size(total, macs)


@pytest.mark.parametrize("name", GENOTYPES)
def test_cifar_networks_compute_the_reference_values(name):
    expected = VECTORS["forward_values"]["cifar_C4_L5_10classes"][name]
    network = fill(build_network("darts", GENOTYPES[name], channels=4, layers=5, classes=10, auxiliary=True))
    with torch.no_grad():
        logits = network.eval()(images(2))
        assert logits[0, :3].tolist() == pytest.approx(expected["eval"], abs=1e-9)
        assert float(logits[0].sum()) == pytest.approx(expected["eval_sum"], abs=1e-9)
        logits, auxiliary = network.train()(images(2))
    assert logits[0, :3].tolist() == pytest.approx(expected["train"], abs=1e-9)
    assert auxiliary[0, :3].tolist() == pytest.approx(expected["aux_train"], abs=1e-9)


def test_nas201_networks_compute_the_reference_values():
    for digits, expected in VECTORS["forward_values"]["nas201_C4_N1_eval"].items():
        network = fill(build_network("nas201", nas201(digits), channels=4, layers=1, classes=10)).eval()
        with torch.no_grad():
            assert network(images(2))[0, :3].tolist() == pytest.approx(expected, abs=1e-9)


def measured(network, size):
    """Parameters, and multiply-adds of a real forward pass, as torch counts them."""
    counter = FlopCounterMode(display=False)
    with torch.no_grad(), counter:
        network.eval()(torch.zeros(1, 3, size, size))
    return Size(parameters(network), counter.get_total_flops() // 2)


def test_the_count_is_that_of_a_real_forward_pass():
    rng = random.Random(0)
    for layers in (1, 2, 3, 4, 7):
        for stem, size in (("cifar", 32), ("imagenet", 64)):
            genotype = get_space("darts").random(rng)
            sizes = {"channels": 8, "layers": layers, "classes": 5, "stem": stem}
            network = build_network("darts", genotype, **sizes)
            assert measured(network, size) == count("darts", genotype, **sizes, resolution=size)
        sizes = {"channels": 4, "layers": layers, "classes": 5}
        cell = get_space("nas201").random(rng)
        assert measured(build_network("nas201", cell, **sizes), 32) == count("nas201", cell, **sizes)


def test_counting_makes_no_weights():
    kept = []
    with torch.utils._python_dispatch._disable_current_modes(), Allocations(kept):
        count("darts", GENOTYPES["DARTS_V2"], channels=36, layers=20, classes=10, auxiliary=True)
    assert not kept


class Allocations(torch.utils._python_dispatch.TorchDispatchMode):
    """Notes every tensor that is made on a real device."""

    def __init__(self, kept):
        super().__init__()
        self.kept = kept

    def __torch_dispatch__(self, function, types, args=(), kwargs=None):
        result = function(*args, **(kwargs or {}))
        if isinstance(result, torch.Tensor) and result.device.type != "meta":
            self.kept.append((function, result.shape))
        return result


def test_channels_last_computes_the_same():
    network = fill(build_network("darts", GENOTYPES["PC_DARTS_cifar"], channels=4, layers=5, classes=10)).eval()
    with torch.no_grad():
        plain = network(images(2))
        network.to(memory_format=torch.channels_last)
        torch.testing.assert_close(network(images(2).to(memory_format=torch.channels_last)), plain)


def test_drop_path_drops_whole_images_of_every_path_but_identities():
    everywhere = DartsGenotype(
        (("skip_connect", 0), ("skip_connect", 1)) * 4, (("skip_connect", 0), ("skip_connect", 1)) * 4
    )
    network = build_network("darts", everywhere, channels=4, layers=4, classes=3)
    normal, reduction = network.cells[0], network.cells[2]
    assert reduction.operations[0](torch.ones(2, 16, 4, 4)).shape == (2, 16, 2, 2)
    assert normal._dropped == [False] * 8
    assert all(reduction._dropped)  # a skip of stride 2 is a convolution, and is dropped


def test_dropped_paths_keep_their_mean():
    genotype = DartsGenotype(
        (("max_pool_3x3", 0), ("avg_pool_3x3", 1)) * 4, (("max_pool_3x3", 0), ("max_pool_3x3", 1)) * 4
    )
    network = build_network("darts", genotype, channels=2, layers=4, classes=3)
    torch.manual_seed(0)
    paths = network.cells[0]._paths(torch.zeros(5000, 2, 1, 1), torch.tensor(0.7))
    assert paths.shape == (8, 5000, 1, 1, 1)
    assert sorted(set(paths.flatten().tolist())) == pytest.approx([0.0, 1 / 0.7])
    assert float(paths.mean()) == pytest.approx(1.0, abs=0.02)
    network.train()
    network.drop_path_prob = 0.3
    assert network.drop_path_prob == pytest.approx(0.3)
    x = torch.randn(4, 3, 32, 32)
    assert not torch.equal(network(x), network(x))
    network.eval()
    assert torch.equal(network(x), network(x))
    with pytest.raises(ValueError, match="drop_path_prob"):
        network.drop_path_prob = 1.0


def test_every_parameter_of_a_network_gets_a_gradient():
    rng = random.Random(3)
    for arch in (get_space("darts").random(rng), GENOTYPES["PC_DARTS_cifar"]):
        network = build_network("darts", arch, channels=4, layers=4, classes=10, auxiliary=True)
        logits, auxiliary = network(torch.randn(2, 3, 32, 32))
        (logits.sum() + auxiliary.sum()).backward()
        assert all(p.grad is not None for p in network.parameters())
    cell = nas201("023014")
    assert set(NAS201_OPERATIONS) >= set(get_space("nas201").parse(cell).edges)
    network = build_network("nas201", cell, channels=4, layers=1, classes=10)
    network(torch.randn(2, 3, 32, 32)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())


def test_what_cannot_be_built_is_named():
    v2 = GENOTYPES["DARTS_V2"]
    sizes = {"channels": 4, "layers": 2, "classes": 10}
    with pytest.raises(UnknownName, match="unknown stem 'mnist'; valid: cifar, imagenet"):
        build_network("darts", v2, **sizes, stem="mnist")
    with pytest.raises(InvalidArchitecture):
        build_network("darts", "Genotype()", **sizes)
    with pytest.raises(TypeError, match="DartsGenotype or its text expected"):
        build_network("darts", get_space("nas201").parse(nas201("333333")), **sizes)
    with pytest.raises(ValueError, match="auxiliary"):
        build_network("nas201", nas201("333333"), **sizes, auxiliary=True)
    with pytest.raises(ValueError, match="channels must be even"):
        build_network("darts", v2, channels=5, layers=2, classes=10)
    with pytest.raises(ValueError, match="auxiliary must be True or False, not 'no'"):
        build_network("darts", v2, **sizes, auxiliary="no")
    with pytest.raises(ValueError, match="resolution must be positive"):
        count("darts", v2, **sizes, resolution=0)


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_parameters_of_darts_cells_are_sums_that_equal_their_networks(stem):
    size = get_space("darts").paper_sizes[stem]
    add_up = Parameters(**size)
    cells = [*GENOTYPES.values(), *(get_space("darts").random(random.Random(seed)) for seed in range(5))]
    assert [add_up(cell) for cell in cells] == [count_parameters("darts", cell, **size) for cell in cells]
