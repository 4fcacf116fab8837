"""TLS goes by the name that was asked for, whatever address it led to."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from tests.unit.egress.conftest import LOOPBACK, Names, RawServer, answering

from tieline.egress.client import EgressClient
from tieline.egress.errors import TlsFailed
from tieline.egress.models import OutgoingRequest
from tieline.settings import InvalidSettings

NAME = "erp.example"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A self-signed certificate of `NAME`, and its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, NAME)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(NAME)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "certificate.pem"
    path.write_bytes(
        made.public_bytes(serialization.Encoding.PEM)
        + key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
    )
    return path


@pytest.fixture
async def server(certificate: Path) -> AsyncIterator[RawServer]:
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate)
    async with RawServer(answering(), context).running() as running:
        running.names = []  # type: ignore[attr-defined]
        context.sni_callback = lambda _socket, name, _context: running.names.append(name)  # type: ignore[attr-defined]
        yield running


def client_of(names: Names, ca_file: Path | None) -> EgressClient:
    return EgressClient(LOOPBACK, ca_file=ca_file, resolver=names)


async def test_the_name_is_what_tls_and_host_go_by(server: RawServer, certificate: Path) -> None:
    client = client_of(Names(erp_example=["127.0.0.1"]), certificate)

    answer = await client.send(OutgoingRequest("GET", f"https://{NAME}:{server.port}/"))

    assert (answer.status, answer.address) == (200, "127.0.0.1")
    assert server.names == [NAME]  # type: ignore[attr-defined]
    assert f"Host: {NAME}:{server.port}\r\n" in server.requests[0]
    await client.close()


async def test_a_certificate_of_another_name_is_refused(
    server: RawServer, certificate: Path
) -> None:
    client = client_of(Names(other_example=["127.0.0.1"]), certificate)

    with pytest.raises(TlsFailed, match="other"):
        await client.send(OutgoingRequest("GET", f"https://other.example:{server.port}/"))
    assert server.requests == []


async def test_a_certificate_that_nobody_vouches_for_is_refused(server: RawServer) -> None:
    client = client_of(Names(erp_example=["127.0.0.1"]), None)

    with pytest.raises(TlsFailed, match="TIELINE_EGRESS_CA_FILE"):
        await client.send(OutgoingRequest("GET", f"https://{NAME}:{server.port}/"))


async def test_a_server_without_tls_is_told_apart() -> None:
    async def refuse(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        writer.close()

    plain = await asyncio.start_server(refuse, "127.0.0.1", 0)
    port = plain.sockets[0].getsockname()[1]
    client = client_of(Names(erp_example=["127.0.0.1"]), None)
    with pytest.raises(TlsFailed):
        await client.send(OutgoingRequest("GET", f"https://{NAME}:{port}/"))
    plain.close()


@pytest.mark.parametrize("content", [None, "no certificate"])
def test_a_file_without_certificates_is_no_setting(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)

    with pytest.raises(InvalidSettings, match="TIELINE_EGRESS_CA_FILE"):
        EgressClient(ca_file=path)
