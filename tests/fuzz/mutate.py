"""Mutations: what an old, new, broken or malicious app may send instead of what it sent."""

from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from google.protobuf.descriptor import FieldDescriptor as Field
from google.protobuf.message import Message

_INTS = (0, 1, -1, 2, 7, 99, 2**31 - 1, -(2**31), 2**63 - 1, -(2**63), 253_402_300_799, 253_402_300_800, 1_800_000_000)
_INTEGERS = {
    Field.TYPE_INT32: (-(2**31), 2**31 - 1),
    Field.TYPE_INT64: (-(2**63), 2**63 - 1),
    Field.TYPE_UINT32: (0, 2**32 - 1),
    Field.TYPE_UINT64: (0, 2**64 - 1),
    Field.TYPE_ENUM: (-(2**31), 2**31 - 1),
}
_TEXTS = (
    "",
    "x",
    "\0",
    "a\0b",
    "ü" * 40,
    "x" * 600,
    "\N{GRINNING FACE}",
    "../..",
    "'; --",
    "0",
    "null",
    "[]",
    "\r\n",
    " ",
)


class Mutator:
    """Makes mutations from a seed; `texts` are names and IDs that mean something to the other side."""

    def __init__(self, rng: Random, texts: Callable[[], Sequence[str]]) -> None:
        self._rng = rng
        self._texts = texts

    def message(self, message: Message) -> bytes:
        """Return the bytes of a message of which one to three things were changed."""
        changed = type(message)()
        changed.CopyFrom(message)
        for _ in range(self._rng.randint(1, 3)):
            self._change(changed)
        raw = changed.SerializeToString()
        return self.raw(raw) if self._rng.random() < 0.15 else raw

    def raw(self, raw: bytes) -> bytes:
        """Return bytes of which some were lost, changed or added."""
        rng = self._rng
        match rng.randrange(5):
            case 0:
                return raw[: rng.randrange(len(raw) + 1)]
            case 1:
                place = rng.randrange(len(raw) + 1)
                return raw[:place] + rng.randbytes(rng.randint(1, 8)) + raw[place + rng.randint(0, 8) :]
            case 2:
                # A field that nobody knows: number 3000, a varint; or 3001, of length 3.
                return raw + rng.choice((b"\xc0\xbb\x01\x07", b"\xca\xbb\x01\x03abc"))
            case 3:
                return rng.randbytes(rng.randint(0, 40))
            case _:
                return raw + raw

    def _change(self, message: Message) -> None:
        rng = self._rng
        fields = message.DESCRIPTOR.fields
        present = [field for field, _ in message.ListFields()]
        if not fields:
            return
        field = rng.choice(present) if present and rng.random() < 0.75 else rng.choice(fields)
        draw = rng.random()
        if draw < 0.2 or (field.message_type is not None and field.message_type.GetOptions().map_entry):
            message.ClearField(field.name)
        elif field.is_repeated:
            self._change_list(getattr(message, field.name), field)
        elif field.message_type is not None:
            below = getattr(message, field.name)
            below.SetInParent()
            self._change(below)
        else:
            setattr(message, field.name, self._value(field))

    def _change_list(self, values: Any, field: Field) -> None:
        rng = self._rng
        kept = list(values)
        draw = rng.random()
        if not kept or draw < 0.2:
            if field.message_type is not None:
                self._change(values.add())
            else:
                values.append(self._value(field))
        elif draw < 0.6 and field.message_type is not None:
            self._change(values[rng.randrange(len(kept))])
        else:
            place = rng.randrange(len(kept))
            if draw < 0.75:
                kept.pop(place)
            elif draw < 0.9:
                kept.insert(place, kept[place])
            else:
                rng.shuffle(kept)
            copies = [type(each).FromString(each.SerializeToString()) if field.message_type else each for each in kept]
            del values[:]
            values.extend(copies)

    def _value(self, field: Field) -> Any:
        rng = self._rng
        if field.type in _INTEGERS:
            least, most = _INTEGERS[field.type]
            return min(most, max(least, rng.choice(_INTS)))
        match field.type:
            case Field.TYPE_BOOL:
                return rng.random() < 0.5
            case Field.TYPE_STRING:
                known = self._texts()
                return rng.choice(known) if known and rng.random() < 0.5 else rng.choice(_TEXTS)
            case Field.TYPE_BYTES:
                return rng.randbytes(rng.randint(0, 20))
            case _:
                return rng.choice((0.0, -1.0, 1e308))
