"""What can go wrong with the database, in words."""

from tieline.kit.errors import Unavailable


class DatabaseUnavailable(Unavailable):
    """The database does not answer. Nothing was stored; send the request again in a moment."""

    code = "DATABASE_UNAVAILABLE"


class EmbeddedServerFailed(Unavailable):
    """The embedded PostgreSQL server does not start. Its log is in the data directory."""

    code = "EMBEDDED_DATABASE_FAILED"
