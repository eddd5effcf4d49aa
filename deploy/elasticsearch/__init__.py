"""The log store of the Compose profile `elk`: its secrets, setup and check.

`credentials` makes certificates and passwords before anything starts; `setup` loads the contents
of the folders here and in `deploy/kibana` into Elasticsearch and Kibana; `check` follows a job's
lines.
"""
