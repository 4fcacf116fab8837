"""What looks like a secret: by the name that it stands under, or by itself."""

from __future__ import annotations

import re

# A name is taken apart at `_`, `-`, spaces, dots and humps; its end decides: `client_secret` names
# a secret, `token_url` and `secret_name` do not. Numbers, and words that only say how something is
# written, are no end: `password2` and `private_key_pem` name secrets.
_HUMPS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9]+")
_ENDINGS = frozenset(
    {
        *("password", "passwd", "pwd", "passphrase", "passcode"),
        *("secret", "token", "jwt", "authorization", "cookie"),
        *("credential", "credentials", "apikey", "api key", "access key", "private key"),
        *("secret key", "signing key", "encryption key", "master key", "shared key"),
        *("account key", "subscription key", "client key", "host key", "functions key"),
        *("connection string", "secretaccesskey", "privatekey"),
    }
)
_FORMS = frozenset({"value", "pem", "base64", "b64", "hex"})
_NUMBER = re.compile(r"v?[0-9]+")
_ENV_REFERENCES = re.compile(r"(?:[^{}]*\{\{\s*env\.[A-Za-z0-9_.\-]+\s*\}\})+[^{}]*")

_REFERENCE = re.compile(r"\{\{\s*env\.[A-Za-z0-9_.\-]+\s*\}\}")

# What a listed key shows of itself (`tl_service_` and six characters) is shorter and stays.
_KEY = re.compile(r"\b(tl_[a-z]+_)[0-9A-Za-z]{16,}(?:_[0-9A-Za-z]+)?")
_SIGNING_SECRET = re.compile(r"\b(wh(?:sec|sk)_)[0-9A-Za-z+/=_-]{8,}")
# The older form is a letter, a dot and 24 more: no path in an expression, such as `$r.customer`.
_VAULT_TOKEN = re.compile(
    r"(\bhv[sbr]\.)[0-9A-Za-z_-]{20,}|(?<![$\w.])([sbr]\.)[0-9A-Za-z]{24}(?![0-9A-Za-z_])"
)
# Not by `\b`: of a long run of hyphens and words each would be looked at to its end.
_JWT = re.compile(r"(?<![0-9A-Za-z_-])(eyJ)[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]{8,}\.[0-9A-Za-z_-]*")
_PEM = re.compile(r"(-----BEGIN [A-Z ]*PRIVATE KEY-----).*?(?:-----END [A-Z ]*-----|\Z)", re.DOTALL)
_SCHEME = re.compile(r"\b(Bearer|Basic)\s+[^\s'\",;]+", re.IGNORECASE)
_URL_PASSWORD = re.compile(r"(://[^:/?#@\s]*):[^@/\s]+@")
# Of others, by the beginnings that they gave them so that they are found.
_WELL_KNOWN = re.compile(
    r"\b(gh[pousr]_|github_pat_|glpat-|xox[abprs]-|[sr]k_live_|AKIA|AIza)[0-9A-Za-z_-]{12,}"
)
_IN_QUERY = re.compile(
    r"([?&](?:sig|signature|token|access_token|api_?key|key|password|secret|client_secret)=)[^&\s#'\"]+",
    re.IGNORECASE,
)
_IN_TEXT = (_PEM, _JWT, _KEY, _SIGNING_SECRET, _VAULT_TOKEN, _WELL_KNOWN, _IN_QUERY)


def names_a_secret(name: str) -> bool:
    """Whether what stands under this name is likely to be a secret, as under `client_secret`."""
    words = [word.lower() for word in _HUMPS.split(name) if word]
    while words and (words[-1] in _FORMS or _NUMBER.fullmatch(words[-1])):
        words.pop()
    if words:
        words[-1] = words[-1].rstrip("0123456789")
    return any(" ".join(words[-count:]) in _ENDINGS for count in (1, 2) if len(words) >= count)


def refers_to_environment(text: str) -> bool:
    """Whether the text takes its secret from the environment (`{{env.key}}`), and may be read."""
    return _ENV_REFERENCES.fullmatch(text) is not None


def holds_a_secret(text: str) -> bool:
    """Whether a key, a token, a private key or an address with a password stands in the text."""
    without = _REFERENCE.sub("", text)
    return any(pattern.search(without) for pattern in (*_IN_TEXT, _URL_PASSWORD))


def hide_secrets(text: str, mark: str) -> str:
    """The text with keys, tokens, passwords in URLs and private keys replaced by the mark."""
    for pattern in _IN_TEXT:
        text = pattern.sub(rf"\1{mark}", text)
    text = _SCHEME.sub(rf"\1 {mark}", text)
    return _URL_PASSWORD.sub(rf"\1:{mark}@", text)
