"""What to do about deliveries that failed with an error. Pure."""

from __future__ import annotations

_RECEIVER = "Wait until the receiver works again, then redrive."
_REFUSED = "Read in the last answer what the receiver misses, correct the mapping, trigger anew."
_RENDERING = (
    "Nothing was rendered, so it cannot be sent again. Correct the mapping or the expression that "
    "the reason names, and trigger the event anew."
)
_ANSWER = (
    "The receiver may have taken it: look there. Have its answers corrected, then redrive what is "
    "missing, and discard the rest."
)
_OTHERWISE = "Correct what the reason says, then redrive, or discard it."
_STEPS = {
    "HTTP_401": "Correct the authentication of the webhook, then redrive.",
    "HTTP_403": "Correct the authentication of the webhook, then redrive.",
    "HTTP_404": "Correct the url of the webhook, then redrive.",
    "HTTP_405": "Correct the url or the method of the webhook, then redrive.",
    "HTTP_408": _RECEIVER,
    "HTTP_410": "The receiver wants no more messages. Discard them, or enable the webhook again.",
    "HTTP_413": "Hydrate less, or shorten the body by an expression, then trigger the event anew.",
    "HTTP_429": "Give the webhook a rate limit, then redrive at a low rate.",
    "EGRESS_ADDRESS_REFUSED": "Correct the url, or have the address allowed, then redrive.",
    "EGRESS_NAME_UNKNOWN": "Correct the host name in the url of the webhook, then redrive.",
    "EGRESS_UNREACHABLE": _RECEIVER,
    "EGRESS_TIMEOUT": _RECEIVER,
    "EGRESS_RESPONSE_TOO_LARGE": _ANSWER,
    "EGRESS_BROKEN_RESPONSE": _ANSWER,
    "EGRESS_PROXY_MISSING": "Let the operator set TIELINE_EGRESS_PROXY, then redrive.",
    "UNRESOLVED_VARIABLE": "Create the environment variable that the reason names, then redrive.",
    "EGRESS_TLS_FAILED": "Have the receiver's certificate renewed or trusted, then redrive.",
    "OAUTH2_TOKEN_FAILURE": "Correct the OAuth settings of the webhook, then redrive.",
    "RETURNED_BY_CONSUMER": "Read in the reason why the consumer gave it back, then redrive.",
    "LEASE_EXPIRED": "Let the consumer ask for a longer lease or fewer messages, then redrive.",
    "NOT_PULLED": "Let the consumer run, then redrive.",
}
_PREFIXES = {
    "HTTP_5": _RECEIVER,
    "HTTP_4": _REFUSED,
    "HTTP_3": "Give the webhook the address to which the receiver redirects, then redrive.",
    "MAPPING_": _RENDERING,
    "EXPRESSION_": _RENDERING,
}


def next_step(error_code: str) -> str:
    """What to do about deliveries that failed with that error."""
    if error_code in _STEPS:
        return _STEPS[error_code]
    for prefix, step in _PREFIXES.items():
        if error_code.startswith(prefix):
            return step
    return _OTHERWISE
