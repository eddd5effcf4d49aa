"""Logs: one JSON line per event under `logs/`, in the Elastic Common Schema (ECS).

`context` carries the ids from the click to the last line, `ecs` maps our names to the schema
(pure), `sink` writes lines to a file, `pipeline` puts them together for each process.
"""
