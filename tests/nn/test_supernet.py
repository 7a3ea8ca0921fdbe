"""Supernets equal the public reference code, and the stand-alone networks whose weights they hold."""

from random import Random

import pytest
import torch
from inheritance import inherit
from reference_values import VECTORS, fill, images, parameters
from torch import nn

from seki_lib.files.errors import UnknownName
from seki_lib.nn import build_supernet
from seki_lib.spaces import get_space
from seki_lib.spaces.darts import EDGES, NODES, PRIMITIVES

DARTS, NAS201 = get_space("darts"), get_space("nas201")
SMALL = {"channels": 4, "layers": 5, "classes": 10}


def supernet(kind, **sizes):
    torch.manual_seed(0)
    return build_supernet("darts", kind=kind, **(SMALL | sizes))


@pytest.mark.parametrize(("kind", "name"), [("darts", "DARTS"), ("pc_darts", "PC_DARTS_K4")])
def test_mixed_supernets_have_the_reference_parameters(kind, name):
    expected = VECTORS["supernet_C16_L8"][name]
    for classes in (10, 100):
        network = supernet(kind, channels=16, layers=8, classes=classes)
        assert parameters(network) == expected[f"c{classes}"]
    assert sum(tensor.numel() for tensor in network.architecture_parameters()) == expected["arch"]


@pytest.mark.parametrize(("kind", "name"), [("darts", "darts"), ("pc_darts", "pc_darts_K4")])
@torch.no_grad()
def test_mixed_supernets_compute_the_reference_values(kind, name):
    expected = VECTORS["forward_values"]["supernet_C4_L5_10classes_eval"][name]
    network = fill(supernet(kind)).eval()
    e, o = torch.meshgrid(torch.arange(14).double(), torch.arange(8).double(), indexing="ij")
    network.alphas_normal.copy_(0.5 * torch.sin(1 + e + 3 * o))
    network.alphas_reduce.copy_(0.5 * torch.cos(1 + e + 3 * o))
    if kind == "pc_darts":
        network.betas_normal.copy_(0.5 * torch.sin(2 + e[:, 0]))
        network.betas_reduce.copy_(0.5 * torch.cos(2 + e[:, 0]))
    logits = network(images(2))
    assert logits[0, :3].tolist() == pytest.approx(expected["eval"], abs=1e-9)
    assert float(logits[0].sum()) == pytest.approx(expected["eval_sum"], abs=1e-9)
    assert parameters(network) == expected["params"]


@pytest.mark.parametrize("batch_statistics", [False, True])
@pytest.mark.parametrize("space", ["darts", "nas201"])
@torch.no_grad()
def test_a_single_path_is_the_stand_alone_network_with_its_weights(space, batch_statistics):
    sizes = SMALL if space == "darts" else SMALL | {"layers": 2}
    torch.manual_seed(0)
    network = build_supernet(space, **sizes).double()
    for module in network.modules():
        if isinstance(module, nn.BatchNorm2d):
            module.running_mean.uniform_(-0.1, 0.1)
            module.running_var.uniform_(0.5, 1.5)
    for seed in range(5):
        arch = get_space(space).random(Random(seed))
        alone = inherit(space, network, arch, sizes).double()
        for net in (network, alone):
            net.train(batch_statistics)
        torch.testing.assert_close(network(images(4), arch), alone(images(4)), rtol=0, atol=1e-9)


def test_a_single_path_trains_only_its_own_edges():
    network, arch = supernet("single_path"), DARTS.random(Random(1))
    network(images(2).float(), arch).sum().backward()
    cell = network.cells[0]
    chosen = {(name, source, 2 + i // 2) for i, (name, source) in enumerate(arch.normal)}
    for edge, (source, node) in zip(cell.edges, EDGES, strict=True):
        for name, operation in zip(network.names, edge.operations, strict=True):
            trained = any(weight.grad is not None for weight in operation.parameters())
            if list(operation.parameters()):
                assert trained == ((name, source, node) in chosen), (name, source, node)


def test_a_single_path_supernet_holds_14_edges_of_7_operations():
    network = supernet("single_path")
    assert [len(edge.operations) for edge in network.cells[0].edges] == [7] * 14
    assert network.architecture_parameters() == [] and parameters(network) > parameters(supernet("pc_darts"))
    assert [len(edge.operations) for edge in build_supernet("nas201", **SMALL).blocks[0].edges] == [5] * 6


def test_architecture_parameters_get_gradients_and_stay_leaves():
    network = supernet("pc_darts").double()
    network(images(2)).sum().backward()
    for tensor in network.architecture_parameters():
        assert tensor.is_leaf and tensor.dtype == torch.float64
        assert tensor.grad is not None and float(tensor.grad.abs().sum()) > 0
    assert {"alphas_normal", "betas_reduce"} < network.state_dict().keys()


@torch.no_grad()
def test_the_genotype_is_read_from_alpha_and_beta():
    network, wanted = supernet("pc_darts"), DARTS.canonical(DARTS.random(Random(3)))
    for cell in ("normal", "reduce"):
        alphas, betas = getattr(network, f"alphas_{cell}"), getattr(network, f"betas_{cell}")
        alphas.zero_()
        alphas[:, 0] = 9.0  # `none` is strongest everywhere, and never chosen
        betas.zero_()
        for i, (name, source) in enumerate(getattr(wanted, cell)):
            edge = EDGES.index((source, 2 + i // 2))
            alphas[edge, PRIMITIVES.index(name)] = 5.0
            betas[edge] = 1.0
    assert DARTS.canonical(network.genotype()) == wanted
    with pytest.raises(ValueError, match="has no α"):
        supernet("single_path").genotype()


@torch.no_grad()
def test_a_mixed_supernet_runs_single_genotypes_too():
    network, arch = supernet("darts").double().eval(), DARTS.random(Random(2))
    chosen = {(source, 2 + i // 2): name for i, (name, source) in enumerate(arch.normal)}
    assert len(chosen) == 2 * len(NODES)
    logits = network(images(2), arch)
    assert logits.shape == (2, 10) and not torch.allclose(logits, network(images(2)))
    assert torch.equal(logits, network(images(2), DARTS.parse(DARTS.format(arch))))


def test_sizes_and_names_that_no_supernet_has_are_refused():
    for change in ({"channels": 3}, {"layers": 0}, {"classes": 0}):
        with pytest.raises(ValueError, match="must be even and positive"):
            supernet("darts", **change)
    with pytest.raises(ValueError, match="partial must divide channels = 4, not 3"):
        supernet("pc_darts", partial=3)
    with pytest.raises(UnknownName, match="single_path, pc_darts, darts"):
        supernet("mixed")
    with pytest.raises(UnknownName, match="space with a supernet 'trans101'"):
        build_supernet("trans101", **SMALL)
    with pytest.raises(ValueError, match="runs one genotype at a time"):
        supernet("single_path")(images(1).float())
