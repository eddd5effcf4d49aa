"""What is measured: each module has `measure`, which returns plain figures of one system."""
