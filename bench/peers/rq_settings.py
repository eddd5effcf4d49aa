"""Where RQ's workers find Redis."""

import os

REDIS_URL = os.environ["BENCH_RESULTS_URL"]
