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
    ├── RedirectRefused           502  the answer leads where it may not be followed
    ├── ProxyMissing              502  there is no forward proxy for a request that must take one
    ├── ProxyFailed               502  the forward proxy does not let it through
    └── TokenFailure              502  no access token was given for it

    InvalidEntry                  400  no host and no network that could be allowed
    EntryNotFound                 404  it is not allowed

The messages name host and port, never path, query or headers: there may be secrets in those.
"""

from __future__ import annotations

from tieline.kit.errors import InvalidInput, NotFound, TielineError


class EgressError(TielineError):
    """A request to another server failed. Look at that server, then try again."""

    code = "EGRESS_FAILED"
    http_status = 502


class RequestRefused(EgressError):
    """This request cannot be sent. Use an http(s) address without credentials in it."""

    code = "EGRESS_REQUEST_REFUSED"
    http_status = 400


class AddressRefused(EgressError):
    """The host is in a network to which no requests are sent. The operator can allow it."""

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


class ProxyMissing(EgressError):
    """This request must go through a forward proxy. Set TIELINE_EGRESS_PROXY."""

    code = "EGRESS_PROXY_MISSING"


class ProxyFailed(EgressError):
    """The forward proxy does not let the request through. Check it, and TIELINE_EGRESS_PROXY."""

    code = "EGRESS_PROXY_FAILED"


class TokenFailure(EgressError):
    """The token endpoint gave no access token. Check its address and the credentials."""

    code = "OAUTH2_TOKEN_FAILURE"


class InvalidEntry(InvalidInput):
    """This is no host and no network. Write erp.local, erp.local:8443, 10.0.0.7 or 10.1.0.0/16."""

    code = "INVALID_EGRESS_ENTRY"


class EntryNotFound(NotFound):
    """The organisation is not allowed this anyway. `tieline egress list` shows what it is."""

    code = "EGRESS_ENTRY_NOT_FOUND"
