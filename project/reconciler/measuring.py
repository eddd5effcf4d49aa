"""How the lanes are, as log lines: enough for an alert on one that nobody serves, or is behind.

A kind that runs longer than its lane promises is told, too.
"""

from dataclasses import dataclass

import structlog

from project.lane import Lane
from project.ledger import Ledger
from project.ledger.run_times import RunTimes
from project.publisher import Publisher

INQUIRY_SECONDS = 5

_log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Measuring:
    """Asks RabbitMQ and the ledger."""

    ledger: Ledger
    publisher: Publisher
    run_times: RunTimes

    def measure_kinds(self) -> int:
        """A warning for each kind that blocks its lane; how many were measured."""
        found = self.run_times.measure()
        for one in found:
            if one.blocks_lane:
                _log.warning(
                    "lane_blocked",
                    kind=one.kind,
                    lane=one.lane,
                    jobs=one.runs,
                    p95_seconds=one.p95_seconds,
                    promise_seconds=Lane(one.lane).promise_seconds,
                )
        return len(found)

    def measure_lanes(self) -> int:
        """A line for each lane; how many. UnavailableError: the broker is away."""
        lanes = self.ledger.list_lanes()
        depths = self.publisher.depths([lane.lane for lane in lanes], INQUIRY_SECONDS)
        for lane in lanes:
            _log.info(
                "lane_measured",
                lane=lane.lane,
                lane_waiting=lane.depth,
                lane_consumers=depths[lane.lane][1],
                lane_oldest_seconds=lane.oldest_seconds or 0.0,
            )
        return len(lanes)
