"""Trains, tests and uses models: the kinds `ml.train` and `ml.predict`.

`features` chooses columns and encodes them as numbers, `splitting` holds out test rows, `models`
fits, `scoring` measures, `leakage` and `importance` test single columns, `stored` saves a model and
loads it without running code from the file; `training` runs these steps in order.
"""
