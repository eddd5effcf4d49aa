"""What `ml.train` and `ml.predict` share: from a table to a model that was tested honestly.

`features` chooses columns and makes numbers of them, `splitting` keeps rows apart for the test,
`models` fits, `scoring` measures, `leakage` and `importance` ask single columns, `stored` writes a
model and reads it again without ever running what a file says; `training` is the order of it all.
"""
