"""What can go wrong with applications."""

from tieline.kit.errors import Conflict, Forbidden, InvalidInput
from tieline.records.errors import RecordNotFound


class ApplicationNotFound(RecordNotFound):
    """This organisation has no application with that id. List the applications."""

    code = "APPLICATION_NOT_FOUND"


class ApplicationSlugTaken(Conflict):
    """Another application of the organisation has that slug. Choose another one."""

    code = "APPLICATION_SLUG_TAKEN"


class ApplicationSlugImmutable(Conflict):
    """A slug stays as it is, because records carry it as their app_id. Leave it out."""

    code = "APPLICATION_SLUG_IMMUTABLE"


class OauthClientIdTaken(Conflict):
    """Another application of the organisation has that oauth_client_id. Take it away there."""

    code = "OAUTH_CLIENT_ID_TAKEN"


class LibraryHasNoIdentity(InvalidInput):
    """An application of the kind library never runs: it has no oauth_client_id and no keys."""

    code = "LIBRARY_HAS_NO_IDENTITY"


class ApplicationSuspended(Forbidden):
    """The application of this key or token is suspended, retired or gone. Ask its owner."""

    code = "APPLICATION_SUSPENDED"
