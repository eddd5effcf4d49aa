"""The whole system on one machine without Docker: `make run`, `make stop`, throwaway stacks.

`supervisord.conf` lists the programs. The other files, in the order in which a start uses them:

    install       installs OS packages and .venv (bash: it runs before there is a .venv)
    __main__      the command line
    launch        run, stop and exec, step by step
    endpoints     every address the programs listen on, and the setting that changes it
    ports         checks whether a port is free or which process uses it, and finds free ports
    places        the folders under data/
    preparation   writes configuration files before a start
    daemon        starts, queries and controls supervisord
    stack         starts programs in waves, watches them, stops them in reverse order
    readiness     what "ready" means for each program
    table         what runs where
    drift         finds queues that an older version of the project declared differently
    throwaway     the settings of a stack for a single command
    processes     finds who listens on a port, and which processes are ours
    console       progress lines, and the signals that end a run
"""
