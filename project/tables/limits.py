"""How large a table may be. Whatever a file claims, no more than this is read."""

MAX_ROWS = 2_000_000
MAX_COLUMNS = 500
MAX_CELLS = 100_000_000
"""Rows × columns. A cell of text takes 16 bytes in memory, whatever it holds."""
MAX_LINE_BYTES = 10_000_000
"""Of a line of CSV, and of a cell."""
MAX_TABLE_BYTES = 2_000_000_000
"""Of a CSV file, and of a Parquet file's pages once they are decompressed."""
MAX_NAME_LENGTH = 200
"""Characters of a column's name."""
