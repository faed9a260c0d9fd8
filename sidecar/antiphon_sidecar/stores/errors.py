"""What a store may raise, by what the caller can do.

StoreError
├── Unreachable        nothing was applied; try again
├── OutcomeUnknown     a commit may or may not have landed; take a new epoch and look (rule 9)
├── StoreFull          nothing was applied; acknowledge nothing until it goes through
└── Unusable           give up and tell the person
    ├── StoreTooNew
    ├── StoreDamaged
    ├── StoreNotWritable
    └── StoreUrlInvalid
"""

from antiphon_names import errors as codes


class StoreError(Exception):
    """A state store failed."""

    code = codes.STORE_UNREACHABLE

    def __init__(self, message: str) -> None:
        super().__init__(f"{self.code}: {message}")


class Unreachable(StoreError):
    """The store did not answer and applied nothing."""


class OutcomeUnknown(StoreError):
    """The connection was lost before the answer to a commit."""


class StoreFull(StoreError):
    """The store has no space left and applied nothing."""

    code = codes.STORE_FULL


class Unusable(StoreError):
    """The store cannot be used until a person does something."""


class StoreTooNew(Unusable):
    """The store was written by a newer release."""

    code = codes.STORE_TOO_NEW


class StoreDamaged(Unusable):
    """The file or schema cannot be read."""

    code = codes.STORE_DAMAGED


class StoreNotWritable(Unusable):
    """The store refuses writes."""

    code = codes.STORE_NOT_WRITABLE


class StoreUrlInvalid(Unusable):
    """The URL names no store that this release knows."""

    code = codes.STORE_URL_INVALID
