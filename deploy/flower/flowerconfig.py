"""Flower's options, from our settings: `celery ... flower --conf=deploy/flower/flowerconfig.py`.

In a file rather than on the command line, because a command line is readable by everybody on the
machine and two of these hold passwords. Flower takes every name here that is one of its options.
"""

from project.config import Settings
from project.observability.pipeline import configure_logging

_settings = Settings()

# Celery's signal that sets up logging is for workers and the scheduler; Flower sends none.
configure_logging(_settings)

# Flower opens its database as it is; the folder must be there.
_settings.flower_database.parent.mkdir(parents=True, exist_ok=True)

address = _settings.flower_host
port = _settings.flower_port
basic_auth = [_settings.flower_login]

# How long workers may take to answer, in milliseconds. One that a busy machine keeps from answering
# within the default second is missing from the page until somebody reloads it.
inspect_timeout = 5_000.0

# The broker's own numbers, as the user who may see and not change.
broker_api = _settings.management_url

# What Flower knows of past tasks outlives it. At a normal end it saves by itself; every ten seconds
# (milliseconds here) also keeps what a kill or a power cut would take.
persistent = True
db = str(_settings.flower_database)
state_save_interval = 10_000
