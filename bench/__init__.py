"""What the project costs, measured, and how others do beside it; reports in `results/`.

    systems       all systems in turns: `make bench`
    endurance     a million jobs through one worker, and its memory
    ledger, logs  what a job's record and what a log line cost

Behind `systems`, in the order a run goes through them:

    beside        runs the command beside a throwaway stack
    environments  the other systems' Python environments, from the pinned lists in requirements/
    plan          what is measured, how often, of which systems
    rounds        takes the measurements in turns, keeps the raw figures
    stack         the native stack that all share; `programs` starts the others' own programs
    measures/     one module a measure; `accounting` reads CPU time and memory, `browser` is a
                  client of our web server, `waiting` waits for a condition
    delay         a proxy that is as slow as a network
    peers/        what runs in the other environments; `kinds` are our own jobs
    machine       what it was measured on
    report/       makes the report from the raw figures
"""
