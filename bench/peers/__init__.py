"""What runs in the systems' own environments: their applications, and a client for each.

A module here is run by the Python of one environment below data/bench and knows, of this project,
no module outside this package but, in ours, the project itself. Addresses come as BENCH_... names.

    work        what the jobs do, the same for all
    json_log    a log line for each start and end, for those that write them
    driver      the one command line: fills, single submits, round trips; answers in JSON
    <a system>  its application as its documentation has it, and `connect()`, which makes a client
"""
