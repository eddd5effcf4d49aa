"""The JSON Schema of parameters that may be left out."""

from typing import Any


def leave_out_null(schema: dict[str, Any]) -> None:
    """Of a field `X | None`: the schema of X alone, from which a form is made more easily.

    For `Field(None, json_schema_extra=leave_out_null)`.
    """
    (kind,) = (one for one in schema.pop("anyOf") if one != {"type": "null"})
    schema.pop("default", None)
    schema |= kind | schema
