"""One reader of architectures for all spaces, however a reply spells them: the last complete one counts.

A reply is not parsed as JSON, Python, YAML or Markdown. What all of them share is read: an operation and, beside it,
the edge or node that it belongs to, with nothing but punctuation and a few known words in between.
"""

import html
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from functools import lru_cache, partial
from typing import Any, TypeVar

from ..files.errors import InvalidArchitecture
from .diagrams import as_edges
from .doubts import BECAME, aside, doubt, in_prose, without_struck_out
from .form import BESIDE, Form, Named, Run, clip, spelled
from .places import placed
from .thoughts import split_thoughts

LONGEST_READ = 100_000  # characters of a reply, from its end, in which an architecture is looked for


_ARROW = re.compile(r"\s?(?:[→⟶➔➜➡⇒⟹⇨↦▶]\ufe0f?|-->|=>|->|\\(?:[Ll]ong)?(?:[Rr]ight)?arrow\b|\\(?:mapsto|to)\b)\s?")
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}  # full-width letters, digits and signs


def plain(reply: str) -> str:
    """The reply without thoughts, escapes, smart quotes, bold type and backticks; every arrow is `->`."""
    text = without_struck_out(split_thoughts(reply)[0][-LONGEST_READ:])
    text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), html.unescape(text))
    text = re.sub(r"\\(?=[\"'_/{}|\[\]])", "", re.sub(r"\\n(?![a-z])|\\[rt](?![a-z])", "\n", text))
    text = re.sub(
        r"\\[a-z]{2,9}(?=\{)|(?<=[\[\](),])[ \t]{0,9}#[^\n]*|(?<=[\s,{}\[\]\"'])//[^\n]*", "", text
    )  # LaTeX, comments
    text = re.sub(r"</?[a-z][^<>]{0,40}>", " | ", text)
    text = text.translate(str.maketrans("“”„‘’", '"""\'\'', "*`$")).translate(_WIDE)
    return _ARROW.sub("->", as_edges(text))


def simple(text: str) -> str:
    """The plain text in lower case, single quotes and single blanks."""
    return " ".join(plain(text).lower().replace('"', "'").split())


_KEYWORDS = (
    "operations?|operators?|ops?|types?|names?|edges?|nodes?|steps?|inputs?|from|sources?|src|prev|index|first|second|"
    "dst|dest|destination|start|end|"
    "is|use|uses|and|with|cells?|on|of|to|for|at|target|applied|(?:node|edge|step|[enxv])_?[0-9](?:_?[0-9])?"
)
_FILLER = re.compile(rf"(?:[\W_0-9]|\b(?:{_KEYWORDS})(?![a-z])){{0,300}}", re.IGNORECASE)


_NO_HEADING = r" (?:choice|cost|parameters|computation|memory|overfitting|the|its|and|or|than)\b"  # "to reduce cost"


@lru_cache(maxsize=64)
def _scanner(words: tuple[str, ...], heads: tuple[str, ...], bare: bool) -> re.Pattern[str]:
    """What matters in a reply. bare: an operation may stand alone, without edge and node. No words: any word is one."""
    word = (
        rf"(?<![a-z0-9_])(?:{spelled(words)})(?![a-z_])"
        if words
        else rf"(?<![a-z0-9_])(?!(?:{_KEYWORDS}|normal|reduce)\b)[a-z][a-z_]{{0,40}}(?:[0-9]x[0-9])?[a-z_]{{0,40}}"
    )
    between = r"\s?(?:->|-|_|,|to)\s?|\W{1,6}(?:to|target)\W{1,6}(?:node\W{0,3})?"
    apart = r"(?:(?<![\w.-])|(?<=edge_)|(?<=edge)|(?<=\be))"
    called = r"(?:op|operation|operator|type|name|uses?|is|layer|should|be|becomes|set|takes|gets|now|keeps?)"
    key = rf"(?:{called}\W{{1,9}}){{0,3}}"
    gap = r"(?:[^\w}\n]{0,60}|[^\w}]{0,60}(?=(?:op|operation|operator|type|name|layer|uses?)\W))"
    edge = rf"{apart}(?P<SIDEa>[0-9])(?:{between})(?P<SIDEb>[0-9])(?![\w-])"
    beside = r"(?:from|input|source|src|prev|node|index|to|of|on|applied)"
    origin = rf"(?:[^\w\n}})\]]{{0,9}}|[\"']?\s{{0,9}},\s{{0,60}}|[^\w}}]{{1,60}}(?:{beside}\W{{1,9}}){{1,3}})"
    one_record = r"(?:[^\w\n.;]{1,9}|[\"']\s{0,9},\s{0,60}[\"']?)"  # the next sentence is of another edge
    unmeant = r"(?<!\bthan )(?<!\bnot )(?<!instead of )"
    ends = r"(?=[^\w\n]{0,3}(?:$|[|,;.)\]}\"'(\n]|\b(?:for|because|since|as|so|which|to)\b))"
    became = rf"{BECAME}[^\w\n]{{0,3}}(?={word}{ends})|\|[^\w\n]{{0,3}}(?={word}[ \t]*(?:\||$))"
    changed = rf"(?:(?:from\W)?{word}[^\w\n]{{0,3}}(?:{became}))?" if words else ""
    old = rf"{word}{origin}[0-9][^\w\n]{{0,3}}{BECAME}[^\w\n]{{0,3}}(?={word}{origin}[0-9])"
    part = rf"(?:inputs?\W{{1,9}}[0-9]\W{{1,9}}[0-9]|first\W{{1,60}}{word}|second\W{{1,60}}{word})"
    record = rf"(?<![a-z])(?=inputs?|first|second){part}\W{{1,60}}{part}\W{{1,60}}{part}"
    parts = [
        rf"(?P<head>(?<![a-z0-9])(?:{'|'.join(heads)}|reduction)(?![a-z0-9]|_?concat|{_NO_HEADING}))" if heads else "",
        rf"(?P<old>{old})" if words and not bare else "",
        r"concat[\"']?\s{0,9}[=:]\s{0,9}(?P<concat>(?:list|tuple|range|[\[(]|\s){0,9}[-0-9,\s]{1,200})",
        rf"(?P<record>{record})" if heads and words else "",
        rf"{edge.replace('SIDE', 'l')}{gap}{key}{changed}(?P<lop>{word})",
        rf"{apart}(?P<ma>[0-9])\s?-{{1,3}}\W{{0,3}}(?P<mop>{word})\W{{0,3}}->\s?(?P<mb>[0-9])",
        rf"(?:(?<![a-z])from\W{{1,9}}|[\[(]\s?(?=[0-9]\s?,))(?P<from>[0-9])\W{{1,60}}{key}(?P<fromop>{word})",
        r"(?:\bnode[ _]?|[\"'{]|^[ \t-]{0,60}|,\s{0,9}(?=[0-9]\s?:\s?\{))(?P<node>[0-9])[\"']?"
        r"(?:\s?\([a-z]{1,9}\))?\s?[:=](?!=)",
        rf"{unmeant}(?P<rop>{word}){one_record}(?:on|for|at|edge)\W{{1,6}}(?:edge\W{{0,6}})?"
        rf"{edge.replace('SIDE', 'r')}(?!\W{{0,3}}[:=])",
        rf"(?P<op>{word}){origin}(?<![-−])(?P<source>[0-9])(?!\w|\.\s?{word}|\s?->|\s{{0,3}}to\b|\s?[-,_]\s?[0-9]|[\"']?\s?[:=])",
        rf"(?P<alone>{word})" if words and bare else "",
    ]
    return re.compile("|".join(filter(None, parts)), re.IGNORECASE | re.MULTILINE)


def _named(match: re.Match[str], nodes: list[int], needs_source: bool) -> Iterator[Named]:
    """The operations of a match. nodes: what the operations to come lead to, if a node was named before them.

    needs_source: whether that counts only for operations whose source is named.
    """
    start, end = match.span()
    found = match.groupdict()
    if record := found.get("record"):
        first, second = (re.search(rf"(?<![a-z]){key}\W+(\w+)", record, re.IGNORECASE) for key in ("first", "second"))
        sources = re.search(r"inputs?\W+([0-9])\W+([0-9])", record, re.IGNORECASE)
        if first and second and sources:
            for operation, source in ((first[1], sources[1]), (second[1], sources[2])):
                yield Named(operation, int(source), nodes.pop() if nodes else None, start, end)
        return
    for side in ("l", "m", "r"):
        if operation := found[f"{side}op"]:
            yield Named(operation, int(found[f"{side}a"]), int(found[f"{side}b"]), start, end)
            return
    source = found["from"] or found["source"]
    operation = found["fromop"] or found["op"] or found["alone"]
    target = nodes.pop() if nodes and (source or not needs_source) else None
    yield Named(operation, int(source) if source else -1, target, start, end)


Event = tuple[int, int, str | tuple[int, ...] | Named]  # start, end; a heading, a concat or an operation


def _events(text: str, form: Form, words: tuple[str, ...]) -> Iterator[Event]:
    """Headings, concats and operations, as they come."""
    nodes: list[int] = []
    for match in _scanner(words, form.heads, not form.per_node).finditer(text):
        found = match.groupdict()
        if found.get("old") or (found.get("head") and aside(text, match.start())):
            continue
        if found.get("head"):
            nodes = []
            yield (*match.span(), found["head"].lower().replace("tion", "e"))
        elif found["concat"]:
            numbers = [int(number) for number in re.findall("[0-9]{1,4}", found["concat"])]
            ranged = "range" in found["concat"].lower() and len(numbers) == 2
            yield (*match.span(), tuple(range(*numbers) if ranged else numbers))
        elif found["node"]:
            node = int(found["node"])
            nodes = [node] * (form.per_node or (node if form.ends else 0))  # as many edges as earlier nodes
        else:
            for named in _named(match, nodes, form.ends):
                yield (*match.span(), named)


def _runs(text: str, events: Sequence[Event], form: Form, labelled: bool) -> list[Run]:
    """The operations whose edge or node is named, or those where it is not, parted by headings and prose."""
    runs, end = [Run()], 0
    for start, stop, event in events:
        run, gap = runs[-1], text[end:start] if start - end <= BESIDE else None
        beside = gap is not None and _FILLER.fullmatch(gap) is not None
        if isinstance(event, str):
            if not (beside and event == run.head and 0 < len(run.named) < len(form.labels)):
                runs.append(Run(event))
            end = stop
        elif not isinstance(event, Named):
            run.concat = event
            runs.append(Run())
        elif (form.label(event) is not None) == labelled:
            opens = bool(run.head) and not run.named
            if gap is None or not (beside or opens or (labelled and not set(gap) & set("{["))):
                runs.append(Run())
            runs[-1].named.append(event)
            end = stop
    return [run for run in runs if run.named]


def _complete(text: str, run: Run, form: Form) -> list[list[Named]]:
    """Every complete cell of a run: in the order of its labels, else in any order, else by their number alone."""
    count, order = len(form.labels), list(form.labels)
    found = [form.label(named) for named in run.named]
    if found and found[0] is None:
        if len(run.named) == count:
            return placed(text, run.named, form)
        lines: list[list[Named]] = [[]]
        for before, named in zip([None, *run.named], run.named, strict=False):
            if before and "\n" in text[before.end : named.start]:
                lines.append([])
            lines[-1].append(named)
        full = [line for line in lines if line and len(line) % count == 0]  # several cells may stand on one line
        several = [line[at : at + count] for line in full for at in range(0, len(line), count)]
        return [cell for unordered in several for cell in placed(text, unordered, form)]
    wanted = Counter(order)
    if run.head and form.per_node and len(found) % count:  # one too many under a heading is no cell with a rest
        return []
    parted = all(Counter(found[at : at + count]) == wanted for at in range(0, len(found), count))
    for in_order in (False,) if parted else (True, False):
        cells, at = [], 0
        while at + count <= len(found):
            labels = found[at : at + count]
            if labels == order or (not in_order and Counter(labels) == wanted):
                if parted or not _goes_on(text, run.named, at, at + count):
                    cells.append(sorted(run.named[at : at + count], key=lambda named: order.index(form.label(named))))
                at += count - 1
            at += 1
        if cells:
            return cells
    return []


def _goes_on(text: str, named: list[Named], start: int, end: int) -> bool:
    """Whether a record holds more than these operations: another one stands before or after, with but a comma between.

    It names a label twice then, and which of the two is meant is not for us to say.
    """
    around = [(start - 1, start), (end - 1, end)]
    return any(
        a >= 0 and b < len(named) and re.fullmatch(r"[\"'\s]*,[\"'\s]*", text[named[a].end : named[b].start])
        for a, b in around
    )


def _architectures(text: str, form: Form, events: list[Event]) -> tuple[list[tuple[int, int, list[Run]]], list[Run]]:
    """(start, end, its cells) of every complete architecture, and all runs, from first to last."""
    found, seen = [], []
    for labelled in (False, True):
        runs = _runs(text, events, form, labelled)
        seen += runs
        cells = [Run(run.head, cell, run.concat) for run in runs for cell in _complete(text, run, form) or [[]]]
        at = 0
        while at + form.cells <= len(cells):
            group = cells[at : at + form.cells]
            around = [cells[at - 1].head if at else None, *(cell.head for cell in cells[at + form.cells :][:1])]
            at += 1
            if all(cell.named for cell in group) and (
                form.cells == 1 or {cell.head for cell in group} == set(form.heads)
            ):
                twice = form.cells > 1 and around == [group[0].head, group[-1].head]  # old and new of each, in a row
                all_named = [named for cell in group for named in cell.named]
                start, end = min(named.start for named in all_named), max(named.end for named in all_named)
                found.append((start, end, [] if twice else group))
                at += form.cells - 1
    return found, sorted(seen, key=lambda run: run.named[-1].end)


def _key(word: str) -> str:
    return re.sub(r"[\s_\\-]", "", word.lower())


A = TypeVar("A")
Attempt = tuple[int, int, Callable[[], A]]  # at an architecture: where its text begins and ends, and what reads it


def nothing_known(architecture: Any) -> bool:
    """That no architecture is known, whatever is asked."""
    return False


def last(
    space: str,
    reply: str,
    form: Form,
    operation_of: dict[str, str],
    build: Callable[[list[Run]], A],
    parse: Callable[[str], A],
    field_text: str,
    is_known: Callable[[A], bool],
) -> A:
    """The last complete architecture in a reply, of those that are not known if there is one.

    Raises InvalidArchitecture that says what the last attempt lacks, or why it is in doubt.

    operation_of: the operation that a word spells. build: the architecture of its cells, with the operations by name.
    parse: reads what matches `field_text`. is_known: a reply quotes such cells.
    """
    if not isinstance(reply, str):
        raise InvalidArchitecture(f"{space}: a text is expected, not {type(reply).__name__}")
    text, operation = plain(reply), {_key(word): operation for word, operation in operation_of.items()}

    def built(cells: list[Run]) -> A:
        if not cells:
            raise InvalidArchitecture(
                f"{space}: the reply has each cell twice in a row: write the new one of each alone"
            )
        for run in cells:
            run.named = [
                named._replace(operation=operation.get(_key(named.operation), named.operation)) for named in run.named
            ]
        return build(cells)

    attempts: list[Attempt[A]] = [(*match.span(), partial(parse, match[0])) for match in re.finditer(field_text, text)]
    text = re.sub(field_text, lambda match: _unless_read(parse, match[0]), text)
    for words in (tuple(operation_of), ()):  # the unknown words are read where there is no other attempt, for its error
        events = list(_events(text, form, words))
        found, runs = _architectures(text, form, events)
        beside = [event for _, _, event in events if isinstance(event, Named) and form.label(event) is not None]
        labelled = attempts or any(cells and cells[0].named[0] in beside for *_, cells in found)
        attempts += [
            (start, end, partial(built, cells))
            for start, end, cells in found
            if not (cells and labelled and cells[0].named[0] not in beside and in_prose(text, cells[0].named))
        ]
        if attempts or any(len(run.named) > 1 for run in runs):
            break
    if not attempts:
        raise InvalidArchitecture(f"{space}: {_missing(text, runs, form)}")
    start, end, architecture, other = _newest(attempts, is_known)
    if not is_known(architecture):
        said = [event for _, _, event in events if isinstance(event, Named)]
        if why := doubt(text, start, end, beside, said, operation_of, other):
            raise InvalidArchitecture(f"{space}: {why}")
    return architecture


def _newest(attempts: list[Attempt[A]], is_known: Callable[[A], bool]) -> tuple[int, int, A, int | None]:
    """Where it begins and ends, and the last architecture that is not known; the last one if all are; where another new
    one ends.

    Raises the last InvalidArchitecture if no architecture counts: none can be read, or that answer stands behind one
    that the LLM was shown.
    """
    error: InvalidArchitecture | None = None
    new: list[tuple[int, int, A]] = []
    known: list[tuple[int, int, A]] = []
    for start, end, attempt in sorted(attempts, key=lambda attempt: attempt[1], reverse=True):
        try:
            architecture = attempt()
        except InvalidArchitecture as wrong:
            error = error or wrong
            continue
        if not is_known(architecture):
            new.append((start, end, architecture))
        elif error:
            break
        else:
            known.append((start, end, architecture))
    if new:
        return *new[0], next((end for _, end, other in new if other != new[0][2]), None)
    if error:
        raise error
    return *known[0], None


def _unless_read(parse: Callable[[str], Any], text: str) -> str:
    """A text of the field as prose of the same length, so that what stands beside it is no part of it."""
    try:
        parse(text)
    except InvalidArchitecture:
        return text
    return "x" * len(text)


def _missing(text: str, runs: list[Run], form: Form) -> str:
    """What the last attempt at an architecture lacks."""
    heads = form.heads if form.cells > 1 else ("",)
    long = [run for run in runs if len(run.named) > 1 and (form.cells == 1 or run.head in heads)]
    if not long:
        return f"no cell found in the reply {clip(text[-200:])}"
    incomplete = [run for run in long if not _complete(text, run, form)]
    if not incomplete:
        absent = next((head for head in heads if head not in {run.head for run in long}), heads[-1])
        return f"the reply has no complete {absent} cell beside the other"
    run = incomplete[-1]
    where = f"{run.head} cell: " if form.cells > 1 else ""
    labels = [form.label(named) for named in run.named]
    left = list((Counter(form.labels) - Counter(labels)).elements())
    if labels[0] is not None and left:
        return f"{where}the reply names no operation for {form.called.format(left[0])}"
    if len(labels) == len(form.labels):
        return f"{where}what stands beside the {len(labels)} operations does not say which of them belongs where"
    twice = next(iter(Counter(labels) - Counter(form.labels)), None)
    if twice is not None:
        return f"{where}the reply names more than one operation for {form.called.format(twice)}"
    return f"{where}{len(form.labels)} operations expected, {len(labels)} found in the reply"
