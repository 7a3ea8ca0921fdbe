"""Keys stay out of everything that is written or shown: transcripts, error texts, notebooks.

Hidden are the values of known variables and headers, credentials in URLs, and texts that begin like a key and are as
long and as random as one. Everything else is what somebody wrote, and stays.
"""

import base64
import logging
import os
import re
from typing import Any, TypeVar
from urllib.parse import quote, unquote

from ..files.assets import CREDENTIALS
from .question import writable

Json = TypeVar("Json")

HIDDEN = "[secret]"
QUOTES = "\"'“”„‘’‚«»`"
KNOWN = ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "HF_TOKEN")
NAMES = re.compile(  # of other variables that hold one, by their words
    r"(?:^|_)(?:API_?KEY|KEY|TOKEN|SECRET|PASS|PASSWORD|PASSWD|PASSPHRASE|CREDENTIALS?|AUTH|PAT)(?:_ID|_BASE|_?\d+)?$",
    re.IGNORECASE,
)
MEANS_A_KEY = re.compile(r"(?:key|token|secret|sig|signature|password|pass|auth|credential)s?$", re.IGNORECASE)
CERTAIN = re.compile(  # where a secret stands by its place or its whole form
    rf"(?<=://){CREDENTIALS}"
    r"|(?i:(?<=[?&]key=)|(?<=[?&]api_key=)|(?<=[?&]api-key=)|(?<=[?&]token=)|(?<=[?&]access_token=))[^&\s\"']+"
    r"|(?<![A-Za-z0-9])(?:AIza[A-Za-z0-9_-]{35}|(?:AKIA|ASIA)[A-Z0-9]{16}|eyJ[\w-]{8,}\.[\w-]{8,}\.[\w-]+)"
)
HEADER = re.compile(
    r"(?i)\b((?:x-|x-goog-)?api-key['\"]?\s*[:=]\s*['\"]?|authorization['\"]?\s*[:=]\s*['\"]?\w+\s+)([^\s'\"]{8,})"
)
AUTHORISED = re.compile(r"(?i)\b((?:bearer|basic)\s+)([A-Za-z0-9._~+/=-]{8,})")
PREFIXED = re.compile(  # what providers begin their keys with
    r"(?<![A-Za-z0-9_-])(?:(?:sk|pk|rk|xai|glpat|nvapi|pplx|xox[abeprs])-|(?:sk|hf|gsk|gh[pousr]|github_pat|r8|tgp)_)"
    r"[A-Za-z0-9_-]{12,}"
)
UNBROKEN = re.compile(r"(?<![A-Za-z0-9/+=])[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=])")  # a secret access key of AWS


def redact(value: Json) -> Json:
    """The same value with every secret in its texts replaced, and every lone surrogate, which no file can hold.

    Texts may be nested in lists and dicts.
    """
    clean: Json = _redact(value, secrets())
    return clean


def trimmed(text: str | None) -> str:
    """A setting as it was meant: without blanks, newlines and quotes around it."""
    return (text or "").strip().strip(QUOTES).strip()


def secrets() -> list[str]:
    """The secret values that the environment holds, longest first, also as they stand in a URL."""
    found: set[str] = set()
    known: set[str] = set()
    for name, value in os.environ.items():
        value = trimmed(value)  # as it is sent
        if name.endswith(("_URL", "_MIRROR", "_ENDPOINT")):
            address, _, query = value.partition("?")
            if credentials := re.match(rf"(?:[a-zA-Z][a-zA-Z0-9+.-]*://)?({CREDENTIALS})", address):
                user, _, password = credentials[1].removesuffix("@").partition(":")
                found.add(unquote(password or user))
            pairs = (pair.partition("=") for pair in query.split("&"))
            found.update(value for key, _, value in pairs if MEANS_A_KEY.search(key))
        elif name.endswith("_CUSTOM_HEADERS"):
            found.update(line.partition(":")[2].strip() for line in value.splitlines())
        elif name in KNOWN:
            known.add(value)
        elif NAMES.search(name) and not re.fullmatch(r"[a-z]+(?:[-_ ][a-z]+)*", value):
            found.add(value)
    plain = {value for value in found if not value.isdigit()}
    long = {value for value in known | plain if len(value) >= 8}  # a shorter one, such as "none", is a word of prompts
    return sorted(long | {quote(value, safe="") for value in long}, key=len, reverse=True)


def _redact(value: Any, known: list[str]) -> Any:
    if isinstance(value, dict):
        return {_redact(key, known): _redact(item, known) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, known) for item in value]
    if not isinstance(value, str):
        return value
    value = writable(value)
    for secret in known:
        value = value.replace(secret, HIDDEN)
    value = HEADER.sub(rf"\1{HIDDEN}", CERTAIN.sub(HIDDEN, value))
    value = AUTHORISED.sub(lambda m: m[1] + HIDDEN if _random(m[2]) or _name_and_password(m[2]) else m[0], value)
    value = PREFIXED.sub(lambda m: HIDDEN if _random(m[0]) else m[0], value)
    return UNBROKEN.sub(lambda m: HIDDEN if _mixed(m[0]) else m[0], value)


def _random(text: str) -> bool:
    """Whether a piece of this text is as long and as mixed as no word that somebody writes."""
    return any(
        len(piece) >= 32 or len(set(piece)) >= 16 or (len(piece) >= 16 and sum(map(str.isdigit, piece)) >= 3)
        for piece in re.split(r"[^A-Za-z0-9]", text)
    )


def _name_and_password(text: str) -> bool:
    """Whether this is a name and a password in base64, as `Basic` takes them."""
    try:
        return re.fullmatch(rb"[!-9;-~]+:[!-~]+", base64.b64decode(text, validate=True)) is not None
    except ValueError:
        return False


def _mixed(text: str) -> bool:
    """Whether upper case, lower case and digits are mixed as in no path or name."""
    return sum(map(str.isupper, text)) >= 8 and sum(map(str.islower, text)) >= 8 and any(map(str.isdigit, text))


class LogFilter(logging.Filter):
    """Takes keys out of what an SDK or its HTTP client logs, for those who switch their logging on."""

    LOGGERS = ("openai._base_client", "anthropic._base_client", "httpx2", "httpcore2.connection", "httpcore2.http11")

    def filter(self, record: logging.LogRecord) -> bool:
        """Let every record pass, redacted."""
        record.msg, record.args = redact(record.getMessage()), ()
        return True

    @classmethod
    def install(cls) -> None:
        """Attach it once to each of these loggers."""
        for logger in map(logging.getLogger, cls.LOGGERS):
            if not any(isinstance(there, cls) for there in logger.filters):
                logger.addFilter(cls())
