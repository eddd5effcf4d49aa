"""How large a table may be. No more than this is read, whatever a file claims."""

MAX_ROWS = 2_000_000
MAX_COLUMNS = 500
MAX_CELLS = 100_000_000
"""Rows × columns. A text cell takes at least 16 bytes in memory."""
MAX_LINE_BYTES = 10_000_000
"""Bytes of a CSV line, and of a cell."""
MAX_TABLE_BYTES = 2_000_000_000
"""Bytes of a CSV file, and of a Parquet file's decompressed pages."""
MAX_NAME_LENGTH = 200
"""Characters of a column name."""
