"""How `data.analyze` analyses a table.

`profiling` describes each column, `relations` and `associations` compare columns, and
`calendar_months` counts rows over time. `findings` picks what stands out; `report`, `pictures` and
`overview` show the results.
"""
