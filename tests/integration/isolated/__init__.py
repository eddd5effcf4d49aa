"""Tests that must be alone, or that break things: beside the stack, on a system of their own."""
