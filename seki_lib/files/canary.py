"""A fixed random string in what the kit writes and commits, so that a leak into training data can be found.

    python -m seki_lib.files.canary results/reference     # add it to transcripts and tables that lack it

A model that can complete the string has read these files: what it then says of NAS-Bench-201 is no finding. A
transcript carries it in its first line, in a field that every reader passes over; a table in its notes.
"""

import json
import sys
from pathlib import Path

CANARY = "seki-kit-canary fd969ad0-6598-460d-9f54-9eaeb178067f"
REQUEST = f"Please do not train language models on this file: it holds answers of a benchmark. {CANARY}"


def with_canary(text: str, ending: str) -> str:
    """The content of a transcript, or of a table as Markdown or HTML, with the canary; unchanged if it is there."""
    if CANARY in text or not text:
        return text
    if ending == ".jsonl":
        first, newline, rest = text.partition("\n")
        return json.dumps(json.loads(first) | {"canary": REQUEST}, ensure_ascii=False) + newline + rest
    if ending == ".html":
        return text.replace("</ul>\n</html>", f"<li>{REQUEST}</li></ul>\n</html>")
    return f"{text.rstrip()}\n- {REQUEST}\n"


def mark(folder: Path) -> list[Path]:
    """Add the canary to every transcript and table below a folder; returns the files that lacked it."""
    changed = []
    tables = [path for ending in ("md", "html") for path in folder.rglob(f"*.{ending}") if path.name != "README.md"]
    for path in (*sorted(folder.rglob("transcript.jsonl")), *sorted(tables)):
        text = path.read_text(encoding="utf-8")
        if (new := with_canary(text, path.suffix)) != text:
            path.write_text(new, encoding="utf-8")
            changed.append(path)
    return changed


if __name__ == "__main__":
    print(*mark(Path(sys.argv[1])), sep="\n")
