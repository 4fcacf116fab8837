"""Certificates made for one run: good ones, and those that no client may trust."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

_DAY = timedelta(days=1)


class Authority:
    """An authority of this run: who trusts `ca_file` trusts the servers that it vouches for."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Test authority")
        now = datetime.now(UTC)
        certificate = (
            _builder(self._name, self._name, self._key, now - _DAY, now + 30 * _DAY)
            .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
            .sign(self._key, hashes.SHA256())
        )
        self.ca_file = folder / "authority.pem"
        self.ca_file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))

    def good(self, *names: str) -> ssl.SSLContext:
        """For a server at 127.0.0.1, or one with these names."""
        return self._context(names, days=30)

    def expired(self, *names: str) -> ssl.SSLContext:
        """One whose certificate ran out an hour ago."""
        return self._context(names, days=0)

    def wrong_host(self) -> ssl.SSLContext:
        """One whose certificate is that of another host."""
        return self._context(("elsewhere.example",), days=30)

    def self_signed(self, *names: str) -> ssl.SSLContext:
        """One that vouches for itself."""
        return self._context(names, days=30, by_itself=True)

    def old_protocol(self, *names: str) -> ssl.SSLContext:
        """One that speaks TLS 1.1 at most."""
        context = self._context(names, days=30)
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.minimum_version = ssl.TLSVersion.TLSv1
        context.maximum_version = ssl.TLSVersion.TLSv1_1
        return context

    def _context(
        self, names: tuple[str, ...], days: int, by_itself: bool = False
    ) -> ssl.SSLContext:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0] if names else "127.0.0.1")
        now = datetime.now(UTC)
        until = now + days * _DAY if days else now - timedelta(hours=1)
        alternatives: list[x509.GeneralName] = [x509.DNSName(name) for name in names]
        if not names:
            alternatives = [x509.IPAddress(IPv4Address("127.0.0.1")), x509.DNSName("localhost")]
        issuer, signing_key = (subject, key) if by_itself else (self._name, self._key)
        certificate = (
            _builder(subject, issuer, key, now - 2 * _DAY, until)
            .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
            .sign(signing_key, hashes.SHA256())
        )
        context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        with TemporaryDirectory(dir=self._folder) as folder:
            path = Path(folder) / "server.pem"
            path.write_bytes(
                certificate.public_bytes(serialization.Encoding.PEM)
                + key.private_bytes(
                    serialization.Encoding.PEM,
                    serialization.PrivateFormat.PKCS8,
                    serialization.NoEncryption(),
                )
            )
            context.load_cert_chain(path)
        return context


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, text)])


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    since: datetime,
    until: datetime,
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(since)
        .not_valid_after(until)
    )
