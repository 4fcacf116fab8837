"""Why a request could not be sent, or its answer not be taken.

    EgressError                   502  sending failed
    ├── RequestRefused            400  the request itself: its address, method or headers
    ├── AddressRefused            403  where it would go is not for requests of Tieline
    ├── NameUnknown               502  the host name leads nowhere
    ├── Unreachable               502  nobody accepts the connection, or it broke
    ├── TlsFailed                 502  no trust in the other side
    ├── TimedOut                  504  it took too long
    ├── ResponseTooLarge          502  the answer is larger than wanted
    ├── BrokenResponse            502  the answer is no HTTP that can be read
    └── RedirectRefused           502  the answer leads where it may not be followed

The messages name host and port, never path, query or headers: there may be secrets in those.
"""

from __future__ import annotations

from tieline.kit.errors import TielineError


class EgressError(TielineError):
    """A request to another server failed. Look at that server, then try again."""

    code = "EGRESS_FAILED"
    http_status = 502


class RequestRefused(EgressError):
    """This request cannot be sent. Use an http(s) address without credentials in it."""

    code = "EGRESS_REQUEST_REFUSED"
    http_status = 400


class AddressRefused(EgressError):
    """The host is in a network to which no requests are sent. Let TIELINE_EGRESS_ALLOW name it."""

    code = "EGRESS_ADDRESS_REFUSED"
    http_status = 403


class NameUnknown(EgressError):
    """The host name cannot be resolved. Check its spelling and the name server."""

    code = "EGRESS_NAME_UNKNOWN"


class Unreachable(EgressError):
    """The server does not accept the connection, or broke it. Check that it runs."""

    code = "EGRESS_UNREACHABLE"


class TlsFailed(EgressError):
    """The server's certificate cannot be trusted. Renew it, or set TIELINE_EGRESS_CA_FILE."""

    code = "EGRESS_TLS_FAILED"


class TimedOut(EgressError):
    """The server did not answer in time. Try again, or allow more time."""

    code = "EGRESS_TIMEOUT"
    http_status = 504


class ResponseTooLarge(EgressError):
    """The server's answer is larger than allowed. Ask for less, or allow more."""

    code = "EGRESS_RESPONSE_TOO_LARGE"


class BrokenResponse(EgressError):
    """The server's answer cannot be read as HTTP. Check that the port is that of a web server."""

    code = "EGRESS_BROKEN_RESPONSE"


class RedirectRefused(EgressError):
    """The server redirects where the request may not follow. Use the final address at once."""

    code = "EGRESS_REDIRECT_REFUSED"
