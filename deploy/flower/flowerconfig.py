"""Flower's options, from our settings: `celery ... flower --conf=deploy/flower/flowerconfig.py`.

In a file, not on the command line, because every user of the machine can read a command line, and
two of these options contain passwords. Flower reads every name here that is one of its options.
"""

from project.config import Settings
from project.observability.pipeline import configure_logging

_settings = Settings()

# Celery's logging signal is for workers and the scheduler; Flower does not send it.
configure_logging(_settings)

# Flower does not create its database's folder.
_settings.flower_database.parent.mkdir(parents=True, exist_ok=True)

address = _settings.flower_host
port = _settings.flower_port
basic_auth = [_settings.flower_login]

# How long workers may take to answer, in milliseconds. With the default of a second, a worker on a
# busy machine is missing from the page until somebody reloads it.
inspect_timeout = 5_000.0

# RabbitMQ's own numbers, as the user with read rights only.
broker_api = _settings.management_url

# Keeps past tasks over a restart of Flower. At a normal exit, Flower saves by itself; saving every
# ten seconds (in milliseconds here) limits what a kill or a power cut loses.
persistent = True
db = str(_settings.flower_database)
state_save_interval = 10_000
