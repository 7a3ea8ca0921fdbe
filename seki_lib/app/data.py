"""The actions of `seki data`: list the files from outside, say where they come from, and get them."""

from collections.abc import Callable

from ..datasets.at_hand import DATA_ASSETS, NO_IMAGENET, fetch_dataset, imagenet_tree
from ..evaluators import imported
from ..evaluators.tabular import FETCH, TABLES
from ..files.assets import ASSETS, fetch, locate
from ..files.errors import AssetError, RunError, SekiError, SettingError, look_up
from ..files.user_input import user_path
from ..llm.gguf import GGUFS, describe_ladder, fetch_gguf, origin_of

DEFAULT = ("nas201", "smollm2-135m")  # what a search of the default space by the default LLM reads


def status(names: list[str]) -> None:
    """Every file from outside: whether it is here, its licence, where it comes from. Takes no names."""
    if names:
        raise SettingError(f"seki data status lists all files: give it without {' '.join(names)}")
    for name, asset in ASSETS.items():
        try:
            path = locate(name)
        except SekiError as error:
            print(f"{name:22s} DAMAGED  {error}")
            continue
        print(f"{name:22s} {'here   ' if path else 'missing'}  {path or asset.origin}  [{asset.licence}]")
    for space in TABLES:
        official = imported.path(space)
        how = f"imported  {official}" if official.exists() else f"not here: seki data import {space} FILE"
        print(f"{space}, the benchmark's own file: {how}")
    print(f"\nLLMs of the ladder, downloaded when first asked or with `seki data fetch`:\n{describe_ladder()}")


def need(names: list[str]) -> None:
    """Make sure that these are here, from any source. Fetch only what is missing: a second call needs no network."""
    for name in names or DEFAULT:
        try:
            here = TABLES[name]().source if name in TABLES else None
        except AssetError:
            here = None
        if here:
            print(f"{name}: {here.sentence}")
        else:
            fetch_best([name])  # which looks first whether a file is here


def fetch_best(names: list[str]) -> None:
    """Fetch files by name, the best reachable table of a space, or a model of the GGUF ladder."""
    for name in names or DEFAULT:
        if name == "imagenet":
            if not (tree := imagenet_tree()):
                raise AssetError(NO_IMAGENET)
            print(f"{name}: {tree}, your own copy")
        elif name in GGUFS:
            path = fetch_gguf(GGUFS[name])
            print(f"{name}: {path}, from {origin_of(path)} [{GGUFS[name].licence}]")
        elif name in FETCH:
            source = FETCH[name]().source
            print(f"{name}: {source.sentence} [{source.licence}; sha256 {source.sha256[:12]}…]")
        elif name in DATA_ASSETS:
            asset = ASSETS[fetch_dataset(name)[0]]
            print(f"{name}: {asset.origin} [{asset.licence}; sha256 {asset.sha256[:12]}…]")
        else:
            look_up("table, asset or model", FETCH | ASSETS | GGUFS, name)
            print(f"{name}: {fetch(name)} [{ASSETS[name].licence}; sha256 {ASSETS[name].sha256[:12]}…]")


def import_official(names: list[str]) -> None:
    """Read a benchmark's own file into the cache: from then on it is the table's first source."""
    if len(names) != 2:
        raise RunError("seki data import takes a benchmark and a file, such as: nas201 NAS-Bench-201-v1_1-096897.pth")
    from ..evaluators import nas201_import, trans101_import

    importers = {"nas201": nas201_import.import_file, "trans101": trans101_import.import_file}
    path = look_up("benchmark", importers, names[0])(user_path(names[1]), lambda line: print(line, flush=True))
    print(f"{path}\n{TABLES[names[0]]().source.sentence}")


ACTIONS: dict[str, Callable[[list[str]], None]] = {
    "status": status,
    "fetch": fetch_best,
    "need": need,
    "import": import_official,
}
