"""The parameters of kinds that read a table."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Literal

from pydantic import Field

from project.kinds.files import TableFile
from project.kinds.parameters import Parameters

Delimiter = Literal["auto", "comma", "semicolon", "tab", "bar"]
DELIMITERS: dict[Delimiter, str] = {"comma": ",", "semicolon": ";", "tab": "\t", "bar": "|"}
Encoding = Literal[
    "auto",
    "windows-1252",
    "iso-8859-1",
    "iso-8859-2",
    "iso-8859-15",
    "windows-1250",
    "windows-1251",
    "koi8-r",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "gb18030",
    "big5",
]
"""`auto` is UTF-8, or UTF-16 with a byte order mark; bytes do not reveal other encodings."""
ColumnType = Literal[
    "text",
    "category",
    "identifier",
    "number",
    "number_comma",
    "truth",
    "date",
    "date_day_first",
    "date_month_first",
]
"""Types to read a column as: `number_comma` is 1.234,56; `date` has any order."""
MISSING_VALUES = ("NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-", "?")
"""Texts that mean a missing value. An empty cell always does."""


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How a CSV file is written. For a Parquet file, only the types matter."""

    delimiter: str = ""
    """One character; empty means detected from the first lines."""
    has_header: bool = True
    decimal_comma: bool = False
    missing_values: tuple[str, ...] = MISSING_VALUES
    encoding: str = ""
    """A Python codec name; empty means UTF-8, or UTF-16 with a byte order mark."""
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    """The types that the user set for columns, also in a Parquet file."""
    learnt_types: Mapping[str, ColumnType] = field(default_factory=dict)
    """The types that a model learnt, for columns that may be absent from the table."""


class TableParameters(Parameters):
    """The table, and how it is written."""

    table: TableFile = Field(title="Table", description="A CSV or Parquet file")
    delimiter: Delimiter = Field(
        "auto", title="Delimiter", description="Separator of the cells in a CSV file"
    )
    encoding: Encoding = Field(
        "auto",
        title="Encoding",
        description="Encoding of a CSV file; auto: UTF-8, or UTF-16 with a byte order mark",
    )
    has_header: bool = Field(
        True, title="Header", description="The first line of a CSV file contains the column names"
    )
    decimal_comma: bool = Field(
        False, title="Decimal comma", description="Numbers are written like 1.234,56"
    )
    missing_values: list[Annotated[str, Field(max_length=100)]] = Field(
        list(MISSING_VALUES),
        title="Missing values",
        description="Texts that mean a missing value, in addition to the empty cell",
        max_length=50,
        examples=[["NA", "-"]],
    )

    column_types: dict[Annotated[str, Field(max_length=200)], ColumnType] = Field(
        {},
        title="Column types",
        description="Set the type of columns whose type, order of day and month, or decimal sign "
        "was guessed wrongly, in CSV or Parquet",
        max_length=500,
        examples=[{"ordered_on": "date_month_first", "zip": "category"}],
    )

    @property
    def format(self) -> CsvFormat:
        """The table's format, from these parameters."""
        return CsvFormat(
            delimiter=DELIMITERS.get(self.delimiter, ""),
            has_header=self.has_header,
            decimal_comma=self.decimal_comma,
            missing_values=tuple(self.missing_values),
            encoding="" if self.encoding == "auto" else self.encoding,
            types=self.column_types,
        )
