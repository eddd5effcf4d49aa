"""`image.thumbnail`: pictures in several sizes, made in a separate process with its own limits."""
