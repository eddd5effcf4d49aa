"""Tables that people send, CSV or Parquet: read so that a bad one is a clear error.

    table = open_table(context.files.path(file_id), context.files.folder, parameters.format)
    table.columns, table.row_count
    table.rows(1000, 50)        # a polars DataFrame
    table.frame.select(...)     # a polars LazyFrame

`opening` has `open_table`; `parameters` what a kind asks for; `csv_text` and `parquet_footer` judge
a file before polars sees it; `column_types` says what a column of text holds. Polars is large: only
`parameters` and `limits` may be imported where all processes import it.
"""
