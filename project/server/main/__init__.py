"""The tutorial's routes."""
