"""Which code counts: what changes the hash of a result's code, and what does not."""

import pytest

from seki_lib.files import fingerprint as module
from seki_lib.files.fingerprint import BESIDE, ONLY_WITH, SETTINGS, deciding, fingerprint

SEARCH = ("search.algorithm", "spaces.nas201", "evaluators.tabular")


@pytest.fixture
def package(tmp_path, monkeypatch):
    """A package to be written: `package("spaces.nas201", "from .. import base")`; a package ends in a dot."""
    monkeypatch.setattr(module, "PACKAGE", tmp_path)

    def write(name, code):
        path = tmp_path.joinpath(*f"{name}__init__".split(".") if name.endswith(".") else name.split("."))
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".py").write_text(code)
        module._parse.cache_clear()
        module._hash.cache_clear()

    return write


def test_every_module_that_is_named_in_a_rule_exists():
    for name in (*BESIDE, *ONLY_WITH, *ONLY_WITH.values(), *SETTINGS):
        assert module._path(name).is_file(), name


CODE = """
def parse(text):
    if not text:
        raise ValueError("empty")
    if text == "?":
        raise InvalidArchitecture("a cell is wanted")
    return len(text)
"""


@pytest.mark.parametrize(
    ("before", "after", "counts"),
    [
        ("def parse(text):", 'def parse(text):\n    """Read it."""\n    # why', False),
        ("return len(text)", "print(text)\n    return   len( text )", False),
        ('ValueError("empty")', 'ValueError(f"nothing in {text}") from None', False),
        ("ValueError(", "TypeError(", True),
        ("a cell is wanted", "give a cell", True),
        ("len(text)", "len(text) + 1", True),
        ("return len(text)", "return None", True),
    ],
)
def test_words_for_people_change_no_hash_and_code_and_words_for_the_llm_do(package, before, after, counts):
    package("spaces.toy", CODE)
    first = fingerprint("spaces.toy")
    package("spaces.toy", CODE.replace(before, after))
    assert (fingerprint("spaces.toy") != first) == counts


def test_a_package_counts_with_all_modules_that_it_imports(package):
    package("spaces.", "from .toy import Toy")
    package("spaces.base", "")
    package("spaces.toy.", "from ..base import Space\ndef build():\n    from . import network")
    package("spaces.toy.network", "from ...nn.operations import conv\nfrom . import Toy")
    package("nn.operations", "from ..spaces import base")
    assert deciding("spaces.toy") == {"spaces.toy", "spaces.toy.network", "spaces.base", "nn.operations"}
    before = fingerprint("spaces.toy")
    package("nn.operations", "from ..spaces import base\nchannels = 16")
    assert fingerprint("spaces.toy") != before


def test_how_replies_are_read_decides_searches_and_neither_supernets_nor_baselines():
    assert "spaces.reading" in deciding(*SEARCH)
    for others in (("training.supernet", "spaces.nas201"), ("search.baselines", "spaces.nas201")):
        assert {"spaces.base", "spaces.nas201"} < deciding(*others) and "spaces.reading" not in deciding(*others)
    assert "spaces.reading" in deciding("spaces.reading", "training.supernet")


def test_a_search_does_not_depend_on_who_answers_or_what_is_drawn():
    assert not {name.partition(".")[0] for name in deciding(*SEARCH)} & {"app", "files", "llm", "report"}
