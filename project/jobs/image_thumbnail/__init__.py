"""`image.thumbnail`: pictures in several sizes, made in a process with limits of its own."""
