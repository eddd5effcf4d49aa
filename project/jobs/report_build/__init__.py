"""The work behind `report.build`: which columns, the sums of each part, their merge, the PDF.

`columns` chooses what is summed, `sums` makes and merges the sums, `charts` draws and `document`
lays out. They import large libraries, and are imported where such a job runs.
"""
