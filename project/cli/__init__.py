"""Parts of the command line: `verbs` makes commands of functions, `schedules` is a group,
`new` makes a kind's files (`kind_maker`, `templates`)."""
