"""The long journey of lines with a real rsyslog; `make test-shipping` prints its figures."""

from pathlib import Path

import pytest

from tests.shipping.journey import BROKEN, travel

LINES, ROUNDS = 20_000, 25
TROUBLES = {
    3: "kill",
    8: "outage",
    11: "kill",
    15: "restart",
    19: "kill",
    22: "restart in an outage",
}


@pytest.mark.timeout(600)
def test_every_line_arrives_once_whatever_happens(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    figures = travel(tmp_path, lines=LINES, rounds=ROUNDS, troubles=TROUBLES)
    with capsys.disabled():
        print(f"\n{figures}")  # noqa: T201 - the figures are what it is run for

    assert figures.written == figures.stored == figures.unique == LINES
    assert figures.redelivered > 0
    assert figures.rotations >= 20
    assert figures.kills == 3
    assert set(figures.died) == set(BROKEN)
