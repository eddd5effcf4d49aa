"""What the project costs, measured; reports in `results/`."""
