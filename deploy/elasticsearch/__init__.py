"""The log store of the Compose profile `elk`: what it starts from, and how it is set up.

`credentials` makes certificates and passwords before anything starts; `setup` gives Elasticsearch
and Kibana what is in the folders here and in `deploy/kibana`; `check` follows the lines of a job.
"""
