"""Live status: how a process learns of changes, and what an open stream sends. Without Flask."""
