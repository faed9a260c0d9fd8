"""Durations and sizes as people write them: `500ms`, `2m`, `1h30m`, `4MiB`.

Used for settings and by the command line. Knows nothing about where a text came from.
"""

import re

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_BYTES = {"": 1, "B": 1, "KiB": 1 << 10, "MiB": 1 << 20, "GiB": 1 << 30, "kB": 10**3, "MB": 10**6, "GB": 10**9}

_DURATION_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_DURATION = re.compile(rf"(?:{_DURATION_PART.pattern})+")
_SIZE = re.compile(rf"(\d+)\s*({'|'.join(_BYTES)})")

DURATION_FORM = "a duration such as 500ms, 5s, 2m or 1h30m"
SIZE_FORM = "a size such as 65536, 512KiB or 4MiB"


def seconds(text: str) -> float:
    """Return a duration in seconds.

    Raises:
        ValueError: the text has no unit, or is no duration at all.
    """
    if not _DURATION.fullmatch(text.strip()):
        raise ValueError(DURATION_FORM)
    return sum(float(number) * _SECONDS[unit] for number, unit in _DURATION_PART.findall(text))


def size_bytes(text: str) -> int:
    """Return a size in bytes; a number without unit counts bytes.

    Raises:
        ValueError: the text is no size.
    """
    matched = _SIZE.fullmatch(text.strip())
    if matched is None:
        raise ValueError(SIZE_FORM)
    return int(matched[1]) * _BYTES[matched[2]]
