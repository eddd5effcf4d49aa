"""Logs: one JSON line per event under `logs/`, in the Elastic Common Schema (ECS). And traces.

`context` carries the ids from the click to the last line, `binding` puts them on lines, `ecs` maps
our names to the schema (pure), `sink` writes lines to a file, `pipeline` puts them together for
each process. `spans` makes the same for a trace viewer, where the settings name one, and `otlp`
sends.
"""
