"""Where a redirect leads, and what may be taken along."""

from __future__ import annotations

from dataclasses import replace

from tieline.egress.errors import RedirectRefused
from tieline.egress.exchanges import StreamedAnswer
from tieline.egress.models import Answer, OutgoingRequest
from tieline.egress.targets import Target

_KEEPING_METHOD = frozenset({307, 308})
_REDIRECTS = frozenset({301, 302, 303, *_KEEPING_METHOD})
_SAFE = frozenset({"GET", "HEAD"})
# Credentials go by many names; what goes to another origin is what certainly is none.
_HARMLESS = frozenset({"accept", "accept-language", "user-agent"})
_ABOUT_BODY = frozenset({"content-type", "content-language", "content-encoding"})


def redirected(
    request: OutgoingRequest, target: Target, answer: Answer | StreamedAnswer, followed: int
) -> tuple[OutgoingRequest, Target] | None:
    """The request that follows a redirect, and where it goes; None when the answer is none.

    `followed` is how many were followed before. The method changes as the Fetch standard says.
    Raises `RedirectRefused`.
    """
    location = answer.header("location")
    if answer.status not in _REDIRECTS or not location:
        return None
    if followed >= request.bounds.max_redirects:
        raise RedirectRefused(
            f"{target.place} redirects further after {followed} redirects. Use the final address."
        )
    onward = target.follow(location)
    if target.url.scheme == "https" and onward.url.scheme != "https":
        raise RedirectRefused(
            f"{target.place} redirects from https to http. Use an address that stays encrypted."
        )
    if answer.status not in _KEEPING_METHOD and request.method not in _SAFE:
        kept = [pair for pair in request.headers if pair[0].lower() not in _ABOUT_BODY]
        request = replace(request, method="GET", headers=kept, body=b"")
    if not onward.has_origin_of(target):
        if request.body:
            raise RedirectRefused(
                f"{target.place} redirects a request with a body to {onward.place}. Use the final "
                "address at once."
            )
        kept = [pair for pair in request.headers if pair[0].lower() in _HARMLESS]
        request = replace(request, headers=kept)
    return replace(request, url=str(onward.url)), onward
