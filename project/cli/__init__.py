"""The command line: `main` has the commands, `verbs` turns functions into commands, `schedules` is
a group, `new` creates a kind's files (`kind_maker`, `templates`)."""
