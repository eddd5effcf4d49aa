"""The kind `report.build`: a PDF with sums of a large table, computed by several child jobs.

`columns` chooses the columns, `sums` computes and merges the sums, `charts` draws, and `document`
lays out. These modules import large libraries, so only such a job imports them.
"""
