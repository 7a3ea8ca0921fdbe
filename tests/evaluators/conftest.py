"""An empty cache, and the content of small files of exactly the benchmarks' formats."""

import pytest


@pytest.fixture
def cache(monkeypatch, tmp_path):
    """An empty cache, and no other source."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("SEKI_DATA", raising=False)
    monkeypatch.delenv("SEKI_MIRROR", raising=False)
    return tmp_path


@pytest.fixture(scope="module")
def official_files():
    """How such files are written, through the benchmark's own classes."""
    pytest.importorskip("nas_201_api", reason="needs the package nas-bench-201")
    from evaluators import official_files

    return official_files


@pytest.fixture(scope="module")
def content(official_files):
    """Of NAS-Bench-201's file, four cells."""
    return official_files.nas201(official_files.CELLS)


@pytest.fixture(scope="module")
def trans_content(official_files):
    """Of TransNAS-Bench-101's file, three cells."""
    return official_files.trans101(official_files.TRANS_CELLS)
