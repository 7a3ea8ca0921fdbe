"""Write the public address of the repository wherever readers need it. Run once, after the first push:

    python tools/publish.py https://github.com/OWNER/NAME

README and docs get the clone line, README and lessons their badges, each lesson a first cell that installs what a
fresh machine such as Colab's lacks, and CITATION.cff and pyproject.toml the address. A second run with another address
replaces the first one.
"""

import json
import re
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
GITHUB = r"https://github\.com/([\w.-]+)/([\w.-]+?)(?:\.git)?/?"  # Colab opens notebooks of GitHub alone
PLACEHOLDER = "ADDRESS"
COMMENT = '    # ADDRESS: what the button "Code" of this page shows'
BADGES = "[![Open in Colab]"  # a line of badges begins so
INSTALL = "install"  # the tag of a lesson's first cell


def publish(root: Path, address: str) -> list[Path]:
    """Write the address into a checkout; returns the files that changed. Raises ValueError for one not on GitHub."""
    if not (found := re.fullmatch(GITHUB, address.strip())):
        raise ValueError(f"an address as https://github.com/OWNER/NAME is expected, not {address!r}")
    name, changed = f"{found[1]}/{found[2]}", []
    lessons = sorted((root / "notebooks" / "learn").glob("[0-9]*.ipynb"))
    first = f"notebooks/learn/{lessons[0].name}"
    texts = {
        root / "README.md": lambda text: _badged(_addressed(text, name), name, first),
        root / "docs" / "notebooks.md": lambda text: _addressed(text, name),
        root / "CITATION.cff": lambda text: _line(text, "repository-code: ", f"https://github.com/{name}", "type: "),
        root / "pyproject.toml": lambda text: _urls(text, f"https://github.com/{name}"),
        **{lesson: lambda text, at=lesson: _lesson(text, name, f"notebooks/learn/{at.name}") for lesson in lessons},
    }
    for path, write in texts.items():
        before = path.read_text(encoding="utf-8")
        if (after := write(before)) != before:
            path.write_text(after, encoding="utf-8")
            changed.append(path)
    return changed


def _addressed(text: str, name: str) -> str:
    """The clone line, and what opens it elsewhere, with this address."""
    address = f"https://github.com/{name}"
    text = text.replace(f"git clone {PLACEHOLDER} seki && cd seki{COMMENT}", f"git clone {address} seki && cd seki")
    text = re.sub(rf"\n{PLACEHOLDER} is what [^.]*\. ", "\n", text)
    return re.sub(rf"\b{PLACEHOLDER}\b|{GITHUB}(?= seki\b| on mybinder)", address, text)


def _badges(name: str, notebook: str) -> str:
    colab = f"https://colab.research.google.com/github/{name}/blob/main/{notebook}"
    binder = f"https://mybinder.org/v2/gh/{name}/main?labpath={notebook}"
    return (
        f"{BADGES}(https://colab.research.google.com/assets/colab-badge.svg)]({colab}) "
        f"[![Open in Binder](https://mybinder.org/badge_logo.svg)]({binder})"
    )


def _badged(text: str, name: str, notebook: str) -> str:
    """The text with badges below its first heading, in place of those that it has."""
    heading, _, rest = text.partition("\n")
    rest = re.sub(rf"\A\n*{re.escape(BADGES)}[^\n]*\n", "", rest)
    return f"{heading}\n\n{_badges(name, notebook)}\n{rest}"


def _line(text: str, key: str, value: str, after: str) -> str:
    """A file of `key: value` lines with this one, behind the line that begins with `after`."""
    text = re.sub(rf"^{re.escape(key)}.*\n", "", text, flags=re.MULTILINE)
    return re.sub(rf"^({re.escape(after)}.*\n)", rf"\g<1>{key}{value}\n", text, count=1, flags=re.MULTILINE)


def _urls(text: str, address: str) -> str:
    table = f'[project.urls]\nRepository = "{address}"\n\n'
    text = re.sub(r"^\[project\.urls\]\n.*\n\n", "", text, flags=re.MULTILINE)
    return re.sub(r"^(?=\[project\.optional-dependencies\])", table, text, count=1, flags=re.MULTILINE)


def _lesson(text: str, name: str, path: str) -> str:
    """A notebook with badges in its first cell, and behind that the cell that installs."""
    notebook = json.loads(text)
    head, *cells = notebook["cells"]
    head["source"] = _badged("".join(head["source"]), name, path).splitlines(keepends=True)
    cells = [cell for cell in cells if INSTALL not in cell["metadata"].get("tags", [])]
    notebook["cells"] = [head, _installs(name), *cells]
    return json.dumps(notebook, indent=1, ensure_ascii=False, sort_keys=True) + "\n"


def _installs(name: str) -> dict[str, Any]:
    """A cell that does nothing where the package is installed."""
    source = f"""\
try:
    import seki_lib  # noqa: F401
except ImportError:  # a fresh machine, such as Colab's: some minutes
    !git clone -q --depth 1 https://github.com/{name} seki
    %cd -q seki
    %pip install -q -e ".[all]"
    !seki data need nas201 smollm2-135m"""
    return {
        "cell_type": "code", "execution_count": 1, "id": INSTALL, "metadata": {"tags": [INSTALL]}, "outputs": [],
        "source": source.splitlines(keepends=True),
    }  # fmt: skip


if __name__ == "__main__":
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    try:
        print("\n".join(str(path.relative_to(ROOT)) for path in publish(ROOT, sys.argv[1])))
    except ValueError as error:
        sys.exit(f"publish: {error}")
