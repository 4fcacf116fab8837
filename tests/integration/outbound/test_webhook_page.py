"""What the page on webhooks tells receivers to do works."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.exceptions import InvalidSignature
from webhook_making import made, message

from tieline.http.services import Services

PAGE = Path(__file__).parents[3] / "docs" / "webhooks.md"
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE.read_text("utf-8"), re.S)


def ran(block: str, **known: Any) -> dict[str, Any]:
    """What a block of the page has defined."""
    names: dict[str, Any] = dict(known)
    exec(compile(block, str(PAGE), "exec"), names)
    return names


async def test_the_library_accepts_what_is_sent(services: Services, org: str) -> None:
    shown = await made(services, org)
    request = await services.request_maker.request_for(shown.webhook, message(), datetime.now(UTC))

    ran(
        BLOCKS[0],
        signing_secret=shown.signing_secret,
        body=request.body,
        headers=dict(request.headers),
    )


async def test_the_check_with_the_public_key_accepts_what_is_genuine_and_nothing_else(
    services: Services, org: str
) -> None:
    check = ran(BLOCKS[1])["check"]
    webhook = (await made(services, org)).webhook
    now = datetime.now(UTC)
    request = await services.request_maker.request_for(webhook, message(), now)
    old = await services.request_maker.request_for(webhook, message(), now - timedelta(minutes=6))
    key = await services.webhook_keys.public_key(org)

    check(key, dict(request.headers), request.body)
    with pytest.raises(InvalidSignature):
        check(key, dict(request.headers), b"another body")
    with pytest.raises(ValueError, match="too old"):
        check(key, dict(old.headers), old.body)
