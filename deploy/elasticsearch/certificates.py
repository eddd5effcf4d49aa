"""Certificates for the services of the log store: our own authority, and the ones that it signs.

It runs `openssl`, which every image with Debian's `ca-certificates` has. Elasticsearch's own tool
would need Elasticsearch's image, and a Python package would be one more dependency.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

AUTHORITY_DAYS = 3650
CERTIFICATE_DAYS = 825
"""The longest lifetime that browsers accept."""
RENEWED_BEFORE_DAYS = 90

_AUTHORITY = """
[req]
prompt = no
distinguished_name = name
x509_extensions = authority
[name]
CN = Log store of jobs
[authority]
basicConstraints = critical, CA:TRUE, pathlen:0
keyUsage = critical, keyCertSign, cRLSign
subjectKeyIdentifier = hash
"""
_CERTIFICATE = """
[req]
prompt = no
distinguished_name = name
[name]
CN = {name}
[certificate]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature, keyEncipherment
extendedKeyUsage = serverAuth, clientAuth
subjectKeyIdentifier = hash
authorityKeyIdentifier = keyid
subjectAltName = {names}
"""


def make_authority(folder: Path) -> None:
    """Make `ca.pem` and `ca.key`, unless they exist."""
    certificate, key = folder / "ca.pem", folder / "ca.key"
    if certificate.exists():
        return
    config = _write(folder / "ca.cnf", _AUTHORITY)
    _openssl("genrsa", "-out", key, "2048")
    _openssl(
        *("req", "-x509", "-new", "-config", config, "-key", key, "-sha256"),
        *("-days", str(AUTHORITY_DAYS), "-out", certificate),
    )


def issue(authority: Path, folder: Path, name: str, hosts: Sequence[str] = ()) -> None:
    """Make `<name>.pem` and `<name>.key` for a service at `hosts`, unless they are still valid."""
    certificate, key = folder / f"{name}.pem", folder / f"{name}.key"
    if certificate.exists() and _lasts(certificate):
        return
    names = ", ".join(("IP:" if host[0].isdigit() else "DNS:") + host for host in (name, *hosts))
    config = _write(authority / f"{name}.cnf", _CERTIFICATE.format(name=name, names=names))
    request = authority / f"{name}.csr"
    _openssl("genrsa", "-out", key, "2048")
    _openssl("req", "-new", "-config", config, "-key", key, "-out", request)
    _openssl(
        *("x509", "-req", "-in", request, "-sha256", "-days", str(CERTIFICATE_DAYS)),
        *("-CA", authority / "ca.pem", "-CAkey", authority / "ca.key", "-CAcreateserial"),
        *("-extfile", config, "-extensions", "certificate", "-out", certificate),
    )


def _lasts(certificate: Path) -> bool:
    seconds = RENEWED_BEFORE_DAYS * 24 * 3600
    shown = subprocess.run(
        ["openssl", "x509", "-checkend", str(seconds), "-noout", "-in", certificate],
        capture_output=True,
        check=False,
    )
    return shown.returncode == 0


def _write(path: Path, text: str) -> Path:
    path.write_text(text)
    return path


def _openssl(*arguments: str | Path) -> None:
    subprocess.run(["openssl", *arguments], check=True, capture_output=True)
