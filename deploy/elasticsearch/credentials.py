"""Makes the log store's certificates and passwords once, each service's in a separate folder.

    python -m deploy.elasticsearch.credentials make FOLDER
    python -m deploy.elasticsearch.credentials show FOLDER    # Kibana's login for a person

Each folder below FOLDER is a volume that only one container mounts; existing files stay. Only
`show` prints anything of them.
"""

import json
import os
import secrets
import sys
from collections.abc import Callable
from pathlib import Path

from deploy.elasticsearch.certificates import issue, make_authority

USERS = ("elastic", "kibana_system", "jobs_writer")
"""The administrator, Kibana, and the shippers."""

PASSWORDS = "passwords.json"
ELASTIC_UID = 1000
"""The user in all of Elastic's images."""
OUR_UID = 10001
"""The user in our own image (Dockerfile)."""

SERVERS = {"elasticsearch": ("localhost", "127.0.0.1"), "kibana": ("localhost", "127.0.0.1")}
CLIENTS = ("filebeat", "logstash")
_ENCRYPTION_KEYS = (
    "xpack.encryptedSavedObjects.encryptionKey",
    "xpack.reporting.encryptionKey",
    "xpack.security.encryptionKey",
)

Give = Callable[[Path, int], None]


def make(folder: Path, give: Give) -> None:
    """Make missing files; `give` sets a file's owner."""
    authority = folder / "authority"
    authority.mkdir(parents=True, exist_ok=True)
    authority.chmod(0o700)
    make_authority(authority)
    passwords = _make_passwords(authority / PASSWORDS)
    for part in (*SERVERS, *CLIENTS, "setup"):
        (folder / part).mkdir(exist_ok=True)
        _write(folder / part / "ca.pem", (authority / "ca.pem").read_text())
    for part in (*SERVERS, *CLIENTS):
        issue(authority, folder / part, part, SERVERS.get(part, ()))
    _write(folder / "setup" / PASSWORDS, json.dumps(passwords))
    _write(folder / "elasticsearch" / "elastic_password", passwords["elastic"])
    _write(folder / "logstash" / "password", passwords["jobs_writer"])
    _write(folder / "filebeat" / "secrets.yml", _filebeat(passwords))
    _write_once(folder / "kibana" / "secrets.yml", _kibana(passwords))
    for part in (*SERVERS, *CLIENTS, "setup"):
        for path in (folder / part, *(folder / part).iterdir()):
            path.chmod(0o700 if path.is_dir() else 0o400)
            give(path, OUR_UID if part == "setup" else ELASTIC_UID)


def read_passwords(folder: Path) -> dict[str, str]:
    """Return the passwords that `make` put into the folder `setup`, by user."""
    passwords: dict[str, str] = json.loads((folder / PASSWORDS).read_text())
    return passwords


def _make_passwords(path: Path) -> dict[str, str]:
    _write_once(path, json.dumps({user: secrets.token_hex(24) for user in USERS}))
    passwords: dict[str, str] = json.loads(path.read_text())
    return passwords


def _filebeat(passwords: dict[str, str]) -> str:
    return f'output.elasticsearch.password: "{passwords["jobs_writer"]}"\n'


def _kibana(passwords: dict[str, str]) -> str:
    """The keys must stay the same: with others, Kibana could not read what it encrypted."""
    keys = "".join(f'{name}: "{secrets.token_hex(32)}"\n' for name in _ENCRYPTION_KEYS)
    return f'elasticsearch.password: "{passwords["kibana_system"]}"\n{keys}'


def _write_once(path: Path, text: str) -> None:
    if not path.exists():
        _write(path, text)


def _write(path: Path, text: str) -> None:
    """Write the file atomically, never readable for others."""
    part = path.with_suffix(".part")
    part.unlink(missing_ok=True)
    with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)
    part.replace(path)


def _give(path: Path, uid: int) -> None:
    os.chown(path, uid, 0 if uid == ELASTIC_UID else uid)


def main() -> None:
    verb, folder = sys.argv[1], Path(sys.argv[2])
    if verb == "make":
        make(folder, _give)
    else:
        sys.stdout.write(f"elastic\n{read_passwords(folder)['elastic']}\n")


if __name__ == "__main__":
    main()
