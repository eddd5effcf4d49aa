"""One module for each measure, with a `measure` that returns plain figures of one system."""
