"""The command line: `python -m project`; its commands are in `project.cli`."""

from project.import_blocking import block_imports

with block_imports("opentelemetry"):  # by redis-py
    from project.cli.main import main

if __name__ == "__main__":
    main(prog_name="python -m project")
