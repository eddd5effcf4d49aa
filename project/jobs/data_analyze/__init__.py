"""What `data.analyze` finds out about a table.

`profiling` looks at each column, `relations` at columns beside each other, `calendar_months` at
time; `findings` says what stands out; `report`, `pictures` and `overview` show it.
"""
