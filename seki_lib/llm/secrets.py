"""Keys stay out of everything that is written or shown: transcripts, error texts, notebooks."""

import logging
import os
import re
from typing import Any, TypeVar
from urllib.parse import quote, unquote, urlsplit

Json = TypeVar("Json")

HIDDEN = "[secret]"
NAMES = re.compile(r"KEY|TOKEN|SECRET|PASSW|CREDENTIAL|AUTH", re.IGNORECASE)  # of environment variables
SHAPES = re.compile(  # what looks like a key or an authorisation, whoever it belongs to
    r"\bsk-[A-Za-z0-9_-]{12,}|\bhf_[A-Za-z0-9]{20,}|(?<=://)[^/@\s]+@"
    r"|(?i:(?<=bearer )|(?<=basic ))[A-Za-z0-9._~+/=-]{8,}"
    r"|(?i:(?<=[?&]key=)|(?<=[?&]api_key=)|(?<=[?&]api-key=)|(?<=[?&]token=))[^&\s\"']+"
)


def secrets() -> list[str]:
    """The secret values that the environment holds, longest first, also as they stand in a URL."""
    found: set[str] = set()
    for name, value in os.environ.items():
        if name.endswith("_URL"):
            url = urlsplit(value)
            found.update(unquote(part) for part in (url.username, url.password) if part)
            found.update(pair.partition("=")[2] for pair in url.query.split("&"))
        elif name.endswith("_CUSTOM_HEADERS"):
            found.update(line.partition(":")[2].strip() for line in value.splitlines())
        elif NAMES.search(name):
            found.add(value.strip())
    long = {value for value in found if len(value) >= 8 and not value.isdigit()}
    return sorted(long | {quote(value, safe="") for value in long}, key=len, reverse=True)


def redact(value: Json) -> Json:
    """The same value with every secret in its texts replaced; texts may be nested in lists and dicts."""
    clean: Json = _redact(value, secrets())
    return clean


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
        for name in cls.LOGGERS:
            logger = logging.getLogger(name)
            if not any(isinstance(there, cls) for there in logger.filters):
                logger.addFilter(cls())


def _redact(value: Any, known: list[str]) -> Any:
    if isinstance(value, str):
        for secret in known:
            value = value.replace(secret, HIDDEN)
        return SHAPES.sub(HIDDEN, value)
    if isinstance(value, dict):
        return {_redact(key, known): _redact(item, known) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_redact(item, known) for item in value]
    return value
