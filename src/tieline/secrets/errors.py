"""What can go wrong with secrets, in words that hold none."""

from tieline.kit.errors import Conflict, InvalidInput, TielineError, Unavailable, Unprocessable
from tieline.settings import InvalidSettings


class InvalidVaultPath(InvalidInput):
    """A path of a secret has parts of letters, digits and `_ . ~ @ = -` between single slashes."""

    code = "INVALID_VAULT_PATH"


class SecretBackendUnavailable(Unavailable):
    """The vault does not answer. Nothing was changed; send the request again in a moment."""

    code = "SECRET_BACKEND_UNAVAILABLE"


class SecretUnreadable(TielineError):
    """A stored secret is damaged, or was put there by somebody else. Set its value again."""

    code = "SECRET_UNREADABLE"


class DataKeyUnreadable(Unavailable):
    """The master key was replaced after this process began. Restart it with the new master key."""

    code = "DATA_KEY_UNREADABLE"


class InvalidMasterKey(InvalidSettings):
    """A master key is 32 random bytes in base64, as `openssl rand -base64 32` prints them."""

    code = "INVALID_MASTER_KEY"


class MasterKeyMissing(InvalidSettings):
    """There are sealed secrets, but no master key. Give the one they were sealed with."""

    code = "MASTER_KEY_MISSING"


class WrongMasterKey(InvalidSettings):
    """The master key is not the one with which the secrets were sealed. Give the right one."""

    code = "WRONG_MASTER_KEY"


class NothingToRotate(Conflict):
    """Secrets are kept in a vault (TIELINE_SECRET_BACKEND), which rotates its keys itself."""

    code = "NOTHING_TO_ROTATE"


class UnresolvedVariable(Unprocessable):
    """A reference names an environment variable without a value. Set it at /environments."""

    code = "UNRESOLVED_VARIABLE"
