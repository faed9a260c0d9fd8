"""YAML files whose keys and values still know their line, for errors that a person can act on.

Used by the loading of settings and by the command line's file of several apps. Scalars are kept as they were
written: what they mean is up to whoever asked for them.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from antiphon_names import errors as codes


class FileInvalid(Exception):
    """A configuration file cannot be used; the message names file and line."""

    def __init__(self, code: codes.Code, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Value:
    """A part of a file."""

    file: str
    line: int
    node: yaml.Node

    @property
    def where(self) -> str:
        """Return `FILE, line N`."""
        return f"{self.file}, line {self.line}"

    def text(self, wanted: str) -> str:
        """Return a scalar as it was written.

        Raises:
            FileInvalid: this is a list or a mapping; the message says that `wanted` was wanted.
        """
        if not isinstance(self.node, yaml.ScalarNode):
            raise self.invalid(wanted)
        return str(self.node.value)

    def items(self, wanted: str) -> tuple["Value", ...]:
        """Return the items of a list, in order.

        Raises:
            FileInvalid: this is no list.
        """
        if not isinstance(self.node, yaml.SequenceNode):
            raise self.invalid(wanted)
        return tuple(_value(self.file, node) for node in self.node.value)

    def entries(self, wanted: str) -> dict[str, "Value"]:
        """Return the entries of a mapping, in order; nothing at all counts as an empty one.

        Raises:
            FileInvalid: this is no mapping, or a key is given twice.
        """
        if self.is_null():
            return {}
        if not isinstance(self.node, yaml.MappingNode):
            raise self.invalid(wanted)
        found: dict[str, Value] = {}
        for key, node in self.node.value:
            line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                raise FileInvalid(
                    codes.SETTING_INVALID, f"{self.file}, line {line}: a key has to be a word. Write one."
                )
            if key.value in found:
                first = found[key.value].line
                raise FileInvalid(
                    codes.SETTING_INVALID,
                    f'{self.file}, line {line}: "{key.value}" was given in line {first} already. Remove one of them.',
                )
            # The key's line: that is where a reader looks for a value which spans several.
            found[key.value] = Value(file=self.file, line=line, node=node)
        return found

    def is_null(self) -> bool:
        """Return whether nothing was written here."""
        return isinstance(self.node, yaml.ScalarNode) and self.node.tag == "tag:yaml.org,2002:null"

    def is_mapping(self) -> bool:
        """Return whether entries were written here."""
        return isinstance(self.node, yaml.MappingNode)

    def invalid(self, wanted: str) -> FileInvalid:
        """Return the error for a value that is not what was wanted."""
        match self.node:
            case yaml.ScalarNode():
                written = f'"{self.node.value}"'
            case yaml.SequenceNode():
                written = "a list"
            case _:
                written = "a mapping"
        return FileInvalid(codes.SETTING_INVALID, f"{self.where}: found {written}; accepted: {wanted}.")


def read(path: Path) -> Value:
    """Read the only document of a file.

    Raises:
        FileInvalid: the file cannot be read or is no YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise FileInvalid(
            codes.SETTING_INVALID, f"{path} cannot be read: {error.strerror}. Fix its path or rights."
        ) from error
    except UnicodeDecodeError as error:
        raise FileInvalid(codes.SETTING_INVALID, f"{path} is not UTF-8: {error.reason}. Save it as UTF-8.") from error
    return parse(text, file=str(path))


def parse(text: str, *, file: str) -> Value:
    """Parse the only document of a text; `file` is what errors call it.

    Raises:
        FileInvalid: the text is no YAML.
    """
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
    except yaml.MarkedYAMLError as error:
        line = error.problem_mark.line + 1 if error.problem_mark else 1
        raise FileInvalid(
            codes.SETTING_INVALID, f"{file}, line {line}: not YAML: {error.problem}. Correct that line."
        ) from error
    except yaml.YAMLError as error:
        raise FileInvalid(codes.SETTING_INVALID, f"{file}: not YAML: {error}. Correct it.") from error
    if node is None:
        # A file without content, or with comments only, says what one with a null says.
        return parse("~", file=file)
    return _value(file, node)


def refuse_unknown(entries: Mapping[str, Value], *, known: Iterable[str], holder: str) -> None:
    """Refuse keys that nobody reads, so that no typing error goes unnoticed.

    Raises:
        FileInvalid: naming the line of the first such key, what `holder` knows, and the nearest of it.
    """
    names = tuple(known)
    for key, value in entries.items():
        if key not in names:
            raise FileInvalid(
                codes.KEY_UNKNOWN,
                f'{value.where}: unknown key "{key}"; {holder} knows: {codes.listing(names, most=40)}.'
                f"{codes.nearest(key, names)} Correct or remove it.",
            )


def _value(file: str, node: yaml.Node) -> Value:
    return Value(file=file, line=node.start_mark.line + 1, node=node)
