"""Tables for tests, good and bad; the same ones each time."""

import io
import random
import zlib
from base64 import b64decode
from datetime import date, timedelta
from typing import Any

import polars as pl

CITIES = ("Berlin", "Hamburg", "Köln")

DICTIONARY_BOMB = zlib.decompress(
    b64decode(
        "eNoLcAwyFGUR7eisEs3yEWUSZWBg0Niq/3eBixM/Qw6Q7QCkKxgZfvy3vMDExCBQgQ0rC3FViDKIioiq6Yh+0BMV"
        "EGUTZZMxA+qtoAxUSlBqQgXUOwpcgQwMzEDOBz1GIBblkTRlYBOQlGBMFOUR+6An9q67SuwRs9oERjWOQeNwSUEm"
        "ScrNodyISlEGSTGgc2TEJjCK3mICMhlEmSR1PFiK8vNLRJkYRHlUmYABqcrgIwOUAoampIykjNonFpkhEcpilzhE"
        "JcS2sInOY2IAO/CDnhoH0JUiIB9L8DgGBfmHWxUnZ6TmJkrMYNQHAaN8RyBwBREWZUB+RSCUDxbydnQsdnQG04GO"
        "2gFA+fJykLino2M6sjowYQ6SrwTLgyXdHcFSoY4gzU6ejk5g2hVkHhCA1Tk6BlQBNVm4gqRAyNHd1ZFBwi8gPyex"
        "qFhBo6CyJCM/T1OhLLWoODM/T8FIz1DPQEEjqTQzJ0XBPM3SwCgpxTgtLcXIPC3NwijF0MTI3CLRwDLRyNI0Lc0o"
        "zTwxNcXSSFNSBhSZLxgZGAKABQQAeY5vtA=="
    )
)
"""A Parquet file of a kilobyte: a text of a megabyte, and 3,000 cells that point to it. To make it
takes six gigabytes, so here it is: `pl.DataFrame({"a": ["x" * 10**6]})` with `repeat_by(3000)`."""


def csv_bytes(*lines: str, encoding: str = "utf-8", end: str = "\n") -> bytes:
    """A CSV file of these lines."""
    return "".join(f"{line}{end}" for line in lines).encode(encoding)


def parquet_bytes(frame: pl.DataFrame, **options: Any) -> bytes:
    """A Parquet file of that table."""
    buffer = io.BytesIO()
    frame.write_parquet(buffer, **options)
    return buffer.getvalue()


def orders(rows: int, seed: int = 7) -> pl.DataFrame:
    """Orders of a shop: an id, a date, a price and what follows from it, gaps, a constant.

    `tax` is a fifth of the price; `is_large` is whether the price is above 50; `area` is missing in
    two rows of five.
    """
    chance = random.Random(seed)  # noqa: S311 - the same each time
    prices = [round(chance.lognormvariate(3.5, 0.6), 2) for _ in range(rows)]
    return pl.DataFrame(
        {
            "order_id": range(1, rows + 1),
            "ordered_on": [date(2024, 1, 1) + timedelta(days=n * 700 // rows) for n in range(rows)],
            "city": [chance.choices(CITIES, (5, 3, 2))[0] for _ in range(rows)],
            "price": prices,
            "tax": [round(price / 5, 2) for price in prices],
            "area": [None if n % 5 < 2 else round(chance.gauss(90, 20), 1) for n in range(rows)],
            "rating": [chance.randint(1, 5) for _ in range(rows)],
            "is_large": [price > 50 for price in prices],
            "country": ["DE"] * rows,
        }
    )


def orders_csv(rows: int, seed: int = 7) -> bytes:
    """The same as CSV, with NA for what is missing."""
    return orders(rows, seed).write_csv(null_value="NA").encode()


def flats(rows: int, seed: int = 3) -> pl.DataFrame:
    """Flats, whose rent follows from area and city, and `is_dear` from it. Some areas are missing.

    `rent_tax` is made from the rent: a leak. `listed_on` goes up with the rows.
    """
    chance = random.Random(seed)  # noqa: S311 - the same each time
    cities = [chance.choice(CITIES) for _ in range(rows)]
    areas = [round(chance.gauss(80, 20), 1) for _ in range(rows)]
    rate = {"Berlin": 14, "Hamburg": 18, "Köln": 9}
    rents = [
        round(area * rate[city] + chance.gauss(0, 60))
        for area, city in zip(areas, cities, strict=True)
    ]
    middle = sorted(rents)[rows // 2]
    return pl.DataFrame(
        {
            "flat_id": range(1, rows + 1),
            "listed_on": [date(2024, 1, 1) + timedelta(days=n * 600 // rows) for n in range(rows)],
            "city": cities,
            "area": [None if n % 11 == 0 else area for n, area in enumerate(areas)],
            "noise": [chance.random() for _ in range(rows)],
            "note": [f"a flat in street number {n}" for n in range(rows)],
            "rent_tax": [rent * 0.19 + 7 for rent in rents],
            "rent": [float(rent) for rent in rents],
            "is_dear": [rent > middle for rent in rents],
        }
    )


HONEST = ["listed_on", "city", "area", "noise"]
"""Columns of `flats` that are no leak."""
