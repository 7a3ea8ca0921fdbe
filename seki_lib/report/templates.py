"""The HTML templates beside this file: whatever is filled in is escaped, and a name that is not given is an error."""

from functools import cache
from typing import Any


@cache
def _environment() -> Any:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(
        loader=PackageLoader("seki_lib.report", "."), autoescape=True, undefined=StrictUndefined, trim_blocks=True,
        lstrip_blocks=True, keep_trailing_newline=True,
    )  # fmt: skip


def fill(template: str, **values: Any) -> str:
    """A template of this folder with these values, as HTML or whatever else it holds."""
    return str(_environment().get_template(template).render(values))
