"""Code that runs in the systems' own environments: their applications, and a client for each.

The Python of an environment below data/bench runs a module here. It imports nothing of this project
outside this package, except ours, which uses the project. Addresses come as BENCH_... variables.

    work        the jobs' work, the same for all
    json_log    writes a log line for each start and end, for the systems that have them
    driver      the command line: fills, single submits, round trips; prints JSON
    <a system>  its application as its documentation shows it, and `connect()`, which makes a client
"""
