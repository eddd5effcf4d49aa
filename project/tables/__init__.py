"""Reads tables that users send, CSV or Parquet, with a clear error for a bad one.

    table = open_table(context.files.path(file_id), context.files.folder, parameters.format)
    table.columns, table.row_count
    table.rows(1000, 50)        # a polars DataFrame
    table.frame.select(...)     # a polars LazyFrame

`opening` has `open_table`, and `parameters` the parameters of a kind. `csv_text` and
`parquet_footer` check a file before polars reads it; `column_types` finds the type of a text
column. Polars is large: modules that all processes import may use only `parameters` and `limits`.
"""
