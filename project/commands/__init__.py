"""Parts of the command line: `verbs` makes commands of functions, `schedules` is a group."""
