"""Reads Thrift's compact protocol, the form of Parquet's metadata, within bounds. Pure.

A structure becomes a dict of field number to value, a list a list. Only what Parquet uses is read.
Source: https://github.com/apache/thrift/blob/master/doc/specs/thrift-compact-protocol.md
"""

from collections.abc import Callable
from typing import Any

MAX_VALUES = 2_000_000
"""Values of one message: 500 columns in 100 row groups have half as many."""
_MAX_DEPTH = 20
_VARINT_BYTES = 10

_TRUE, _FALSE, _BYTE, _I16, _I32, _I64, _DOUBLE, _BINARY, _LIST, _SET, _MAP, _STRUCT = range(1, 13)


class ThriftError(ValueError):
    """The bytes are not a valid message."""


class ThriftReader:
    """Reads one message from the start of the bytes; then `position` is its end."""

    def __init__(self, content: bytes) -> None:
        self._content = content
        self.position = 0
        self._values = 0
        self._readers: dict[int, Callable[[int], Any]] = {
            _TRUE: lambda _: True,
            _FALSE: lambda _: False,
            _BYTE: lambda _: self._take(1)[0],
            _I16: lambda _: self._read_signed(),
            _I32: lambda _: self._read_signed(),
            _I64: lambda _: self._read_signed(),
            _DOUBLE: lambda _: self._take(8),
            _BINARY: lambda _: self._take(self._read_varint()),
            _LIST: self._read_list,
            _SET: self._read_list,
            _STRUCT: self.read_struct,
        }

    def read_struct(self, depth: int = 0) -> dict[int, Any]:
        """Return the fields by their numbers. ThriftError if the bytes are not a structure."""
        if depth > _MAX_DEPTH:
            raise ThriftError("nested too deeply")
        fields: dict[int, Any] = {}
        number = 0
        while head := self._take(1)[0]:
            number = number + (head >> 4) if head >> 4 else self._read_signed()
            fields[number] = self._read(head & 0x0F, depth + 1)
        return fields

    def _read(self, kind: int, depth: int) -> Any:
        self._values += 1
        if self._values > MAX_VALUES:
            raise ThriftError("too many values")
        try:
            reader = self._readers[kind]
        except KeyError:
            raise ThriftError(f"a value of type {kind}") from None
        return reader(depth)

    def _read_list(self, depth: int) -> list[Any]:
        head = self._take(1)[0]
        size, kind = head >> 4, head & 0x0F
        if size == 15:
            size = self._read_varint()
        if kind in (_TRUE, _FALSE):  # in a list, a truth value is a separate byte
            kind = _BYTE
        if size > MAX_VALUES:
            raise ThriftError("too many values")
        return [self._read(kind, depth + 1) for _ in range(size)]

    def _read_signed(self) -> int:
        """Read a zigzag number: the sign is the lowest bit."""
        value = self._read_varint()
        return (value >> 1) ^ -(value & 1)

    def _read_varint(self) -> int:
        value = 0
        for place in range(_VARINT_BYTES):
            byte = self._take(1)[0]
            value |= (byte & 0x7F) << (7 * place)
            if byte < 0x80:
                return value
        raise ThriftError("a number that does not end")

    def _take(self, size: int) -> bytes:
        end = self.position + size
        if end > len(self._content):
            raise ThriftError("it ends too early")
        taken, self.position = self._content[self.position : end], end
        return taken
