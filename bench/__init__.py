"""Benchmarks of the project and of other job systems; reports in `results/`.

    systems       compares all systems in turns: `make bench`
    endurance     runs a million jobs through one worker, and watches its memory
    ledger, logs  measure the cost of a job's record, and of a log line

Modules behind `systems`, in the order in which a run uses them:

    beside        runs the command with a throwaway stack
    environments  the other systems' Python environments, from the pinned lists in requirements/
    plan          decides what to measure, how often, on which systems
    rounds        takes the measurements in turns, and keeps the raw figures
    stack         the native stack that all systems share; `programs` starts the other programs
    measures/     one module a measure; `accounting` reads CPU time and memory, `browser` is a
                  client of our web server, `waiting` waits for a condition
    delay         a proxy that adds a network's delay
    peers/        what runs in the other environments; `kinds` are our own jobs
    machine       describes the machine
    report/       makes the report from the raw figures
"""
