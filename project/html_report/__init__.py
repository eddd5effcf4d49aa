"""Writes a report as one HTML file, called a sheet: with its style and plots, without scripts.

The server's headers keep anything in it from running or loading; even so, `markup` escapes all
text. `page` assembles sheets, `plots` draws, `figures` formats numbers, and `style` has the look,
which the PNG pictures of `canvas` share.
"""
