"""Live status: how a process hears of changes, and what an open stream sends. Knows no Flask."""
