"""What is said about one code."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Explanation:
    """Sentences about one code; `seen`: where a person meets it, `cause`: what has happened, `fix`: what to do."""

    seen: str
    cause: str
    fix: str
    example: str = ""
    reserved: bool = False
