"""The TransNAS-Bench-101 network equals the public code: trainable parameters and forward values in float64."""

import pytest
import torch
from nn.test_networks import VECTORS, fill, images, measured, parameters

from seki_lib.files.errors import InvalidArchitecture
from seki_lib.nn import build_network, count
from seki_lib.spaces import get_space

SPACE = get_space("trans101")
BENCHMARK = {"channels": 64, "layers": 2, "classes": 7}
SMALL = {"channels": 8, "layers": 2, "classes": 7}


@pytest.mark.parametrize("cell", VECTORS["trans101_backbone"])
def test_the_backbone_has_the_reference_parameters(cell):
    network = build_network("trans101", f"64-41414-{cell}", **BENCHMARK)
    assert parameters(network.backbone) == VECTORS["trans101_backbone"][cell]
    classifier = (8 * 64 + 1) * 7
    assert count("trans101", f"64-41414-{cell}", **BENCHMARK).parameters == parameters(network.backbone) + classifier


@pytest.mark.parametrize("cell", VECTORS["forward_values"]["trans101_8-41414_64px_7classes_eval"])
def test_the_network_computes_the_reference_values(cell):
    expected = VECTORS["forward_values"]["trans101_8-41414_64px_7classes_eval"][cell]
    network = fill(build_network("trans101", f"64-41414-{cell}", **SMALL)).eval()
    with torch.no_grad():
        assert network(images(2, 64))[0, :3].tolist() == pytest.approx(expected, abs=1e-9)


@pytest.mark.parametrize("cell", ["0_00_000", "1_11_111", "1_02_333", "2_13_302"])
@pytest.mark.parametrize("size", [64, 96])
def test_the_size_counted_is_the_size_measured(cell, size):
    text = f"64-41414-{cell}"
    assert count("trans101", text, **SMALL, resolution=size) == measured(build_network("trans101", text, **SMALL), size)


def test_cells_of_one_class_compute_the_same_function_of_the_same_weights():
    """A skip within the cell is an identity: node 2 is node 1. From node 0 it is not: the reduction has weights."""
    one = fill(build_network("trans101", "64-41414-3_01_030", **SMALL)).eval()
    other = fill(build_network("trans101", "64-41414-3_01_003", **SMALL)).eval()
    assert SPACE.canonical(SPACE.parse("64-41414-3_01_030")) == SPACE.canonical(SPACE.parse("64-41414-3_01_003"))
    with torch.no_grad():
        assert torch.allclose(one(images(2, 64)), other(images(2, 64)))
    skip, direct = "64-41414-1_00_030", "64-41414-0_00_300"
    assert SPACE.canonical(SPACE.parse(skip)) != SPACE.canonical(SPACE.parse(direct))
    assert parameters(build_network("trans101", skip, **SMALL)) != parameters(
        build_network("trans101", direct, **SMALL)
    )


def test_odd_sizes_gradients_and_wrong_arguments():
    network = build_network("trans101", "64-41414-1_12_133", **SMALL)
    network(torch.randn(2, 3, 75, 75)).sum().backward()
    assert all(p.grad is not None for p in network.parameters())
    with pytest.raises(ValueError, match="trans101: its networks have no auxiliary head"):
        build_network("trans101", "64-41414-1_12_133", **SMALL, auxiliary=True)
    with pytest.raises(InvalidArchitecture):
        build_network("trans101", "64-41414-9_12_133", **SMALL)
