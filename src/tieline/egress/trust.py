"""Whom TLS trusts, and what it says when it does not."""

from __future__ import annotations

import ssl
from pathlib import Path

import certifi

from tieline.egress.errors import TlsFailed
from tieline.settings import InvalidSettings


def trust(ca_file: Path | None) -> ssl.SSLContext:
    """Trust in the usual authorities, those of this machine, and those in the file.

    TLS 1.2 is the least. Raises `InvalidSettings`.
    """
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_alpn_protocols(["http/1.1"])
    if ca_file is not None:
        try:
            context.load_verify_locations(ca_file)
        except (OSError, ssl.SSLError) as error:
            raise InvalidSettings(
                f"TIELINE_EGRESS_CA_FILE: {ca_file} cannot be used ({error}). Name a file with "
                "certificates in PEM form."
            ) from None
    return context


def tls_failure(place: str, error: ssl.SSLError) -> TlsFailed:
    """Why there is no trusted connection, in words."""
    reason = getattr(error, "verify_message", "") or error.reason or "no agreement"
    return TlsFailed(
        f"No trusted connection to {place}: {_in_words(reason)}. Renew its certificate, or name "
        "its authority in TIELINE_EGRESS_CA_FILE."
    )


def _in_words(reason: str) -> str:
    return reason if " " in reason else reason.replace("_", " ").lower()
