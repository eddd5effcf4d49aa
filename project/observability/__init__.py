"""Logs and traces: one JSON line per event under `logs/`, in the Elastic Common Schema (ECS).

`context` carries the ids from the click to the last line, `binding` puts them on lines, `ecs` maps
our names to the schema (pure), `sink` writes lines to a file, and `pipeline` connects these for
each process. `spans` describes the same work for a trace viewer if the settings name one, and
`otlp` sends the spans.
"""
