from __future__ import annotations

from datetime import UTC, datetime

import pytest

from tieline.egress.errors import TimedOut
from tieline.fileproxy.errors import ExternalApiError, FileProxyDisabled
from tieline.fileproxy.models import Caller, Ending, Link
from tieline.fileproxy.progress import Progress

INTEGRATION = "5f0c2ad5-0d32-4c0d-8a3f-5c8ad7f2b1ce"


def progress(integration_id: str = INTEGRATION, **params: str) -> Progress:
    link = Link("org", integration_id, "s", None, tuple(params.items()))
    return Progress(link, Caller("r", None), datetime(2026, 1, 1, tzinfo=UTC))


@pytest.mark.parametrize(
    ("ending", "code", "words"),
    [
        (Ending(5), "FILE_PROXY_OK", None),
        (Ending(5, receiver_left=True), "FILE_PROXY_ABORTED", "after 5 bytes"),
        (Ending(5, TimeoutError()), "FILE_PROXY_ABORTED", "too long: 5 bytes"),
        (
            Ending(5, TimedOut("It is silent.")),
            "EXTERNAL_API_ERROR",
            "After 5 bytes: It is silent.",
        ),
        (
            Ending(0, ExternalApiError("public", "for the operator")),
            "EXTERNAL_API_ERROR",
            "for the",
        ),
        (Ending(0, FileProxyDisabled()), "FILE_PROXY_DISABLED", "switched off"),
        (Ending(0, KeyError("secret")), "INTERNAL_ERROR", "Its log says more"),
    ],
)
def test_every_ending_has_a_code_and_words(ending: Ending, code: str, words: str | None) -> None:
    download = progress().download(ending)

    assert download is not None
    assert (download.code, download.bytes) == (code, ending.sent)
    assert (words is None) == (download.message is None)
    assert (words or "") in (download.message or "")
    assert "secret" not in (download.message or "")


def test_secrets_are_in_nothing_that_is_listed() -> None:
    noted = progress(id="4711", password="x", of="hunter-2")
    noted.secrets = ["hunter-2"]
    noted.filename = "for hunter-2.pdf"
    error = ExternalApiError(detail="it said hunter-2", step=2, upstream_status=403)

    download = noted.download(Ending(0, error))

    assert download is not None
    assert download.params == {"id": "4711", "password": "[hidden]", "of": "..."}
    assert (download.filename, download.message) == ("for ....pdf", "it said ...")
    assert (download.step, download.upstream_status) == (2, 403)


def test_a_link_to_no_integration_there_could_be_is_not_listed() -> None:
    assert progress("nonsense").download(Ending(0)) is None
