"""What a kind that reads a table asks for."""

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
"""`auto` is UTF-8, or UTF-16 with its mark; no other one can be told by the bytes."""
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
"""As what a column can be read: `number_comma` is 1.234,56; `date` is of any order."""
MISSING_VALUES = ("NA", "N/A", "n/a", "NaN", "nan", "null", "NULL", "None", "-", "?")
"""What people write where there is no value; an empty cell is always one."""


@dataclass(frozen=True, slots=True)
class CsvFormat:
    """How the cells of a CSV file are written. A Parquet file needs no such thing."""

    delimiter: str = ""
    """One character; empty: found from the first lines."""
    has_header: bool = True
    decimal_comma: bool = False
    missing_values: tuple[str, ...] = MISSING_VALUES
    encoding: str = ""
    """A name that Python has for it; empty: UTF-8, or UTF-16 with its mark."""
    types: Mapping[str, ColumnType] = field(default_factory=dict)
    """Of columns for which a person has named it; in a Parquet file, too."""
    learnt_types: Mapping[str, ColumnType] = field(default_factory=dict)
    """The types that a model learnt, for columns that may be absent from the table."""


class TableParameters(Parameters):
    """Which table, and how it is written."""

    table: TableFile = Field(title="Table", description="A CSV or Parquet file")
    delimiter: Delimiter = Field(
        "auto", title="Delimiter", description="What stands between the cells of a CSV file"
    )
    encoding: Encoding = Field(
        "auto",
        title="Encoding",
        description="Of a CSV file; auto: UTF-8, or UTF-16 with its mark",
    )
    has_header: bool = Field(
        True, title="Header", description="The first line of a CSV file has the columns' names"
    )
    decimal_comma: bool = Field(
        False, title="Decimal comma", description="Numbers are written as in 1.234,56"
    )
    missing_values: list[Annotated[str, Field(max_length=100)]] = Field(
        list(MISSING_VALUES),
        title="Missing values",
        description="Texts that stand for no value, beside the empty cell",
        max_length=50,
        examples=[["NA", "-"]],
    )

    column_types: dict[Annotated[str, Field(max_length=200)], ColumnType] = Field(
        {},
        title="Types of columns",
        description="For columns whose type, order of day and month, or decimal sign is guessed "
        "wrongly, in CSV and Parquet",
        max_length=500,
        examples=[{"ordered_on": "date_month_first", "zip": "category"}],
    )

    @property
    def format(self) -> CsvFormat:
        """How the cells are written."""
        return CsvFormat(
            delimiter=DELIMITERS.get(self.delimiter, ""),
            has_header=self.has_header,
            decimal_comma=self.decimal_comma,
            missing_values=tuple(self.missing_values),
            encoding="" if self.encoding == "auto" else self.encoding,
            types=self.column_types,
        )
