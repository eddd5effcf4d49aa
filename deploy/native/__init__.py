"""The whole system on one machine without Docker: `make run`, `make stop`, throwaway stacks.

`supervisord.conf` lists the programs. The rest, in the order a start goes through it:

    install       OS packages and .venv (bash: it runs before there is a .venv)
    __main__      the command line
    launch        run, stop and exec, each told in order
    endpoints     every address the programs listen on, and the setting that changes it
    ports         is a port free, who has it, which are free
    places        the folders under data/
    preparation   the configuration files written before a start
    daemon        supervisord: started, asked, told
    stack         programs started in waves, watched, stopped in the reverse order
    readiness     what "ready" means for each program
    table         what runs where
    drift         queues that an older version of the project has made differently
    throwaway     the settings of a stack that lives as long as one command
    processes     who listens on a port, and which processes are ours
    console       progress lines, and the signals that end a run
"""
