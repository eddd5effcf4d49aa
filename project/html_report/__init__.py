"""A sheet: a report as one HTML file, with its style and its plots within it and no script.

It is served so that nothing in it can run or load; still, all text goes through `markup`, which
escapes it. `page` puts sheets together, `plots` draws, `figures` writes numbers, `style` has the
look, which `pictures` has in PNG files too.
"""
