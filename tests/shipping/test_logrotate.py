"""The example for logrotate, with logrotate."""

import subprocess
from pathlib import Path

EXAMPLE = Path(__file__).parents[2] / "deploy/logrotate/jobs"
LOGROTATE = "/usr/sbin/logrotate"


def test_file_is_renamed_once_and_nothing_else(tmp_path: Path) -> None:
    logs = tmp_path / "logs"
    logs.mkdir()
    file = logs / "web.host.jsonl"
    file.write_text("{}\n")
    inode = file.stat().st_ino
    example = tmp_path / "jobs"
    example.write_text(EXAMPLE.read_text().replace("/srv/jobs/logs", str(logs)))
    example.chmod(0o644)

    for _ in range(2):
        subprocess.run([LOGROTATE, "--force", "--state", tmp_path / "state", example], check=True)

    assert {path.name: path.stat().st_ino for path in logs.iterdir()} == {"web.host.jsonl.1": inode}


def test_example_is_read_without_a_complaint() -> None:
    shown = subprocess.run(
        [LOGROTATE, "--debug", EXAMPLE], capture_output=True, text=True, check=True
    )

    assert "error" not in shown.stderr
