"""The command line: `python -m project`; its commands are in `project.cli`."""

from project.cli.main import main

if __name__ == "__main__":
    main(prog_name="python -m project")
