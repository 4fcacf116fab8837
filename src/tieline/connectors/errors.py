"""What can go wrong with connectors."""

from tieline.kit.errors import InvalidInput
from tieline.records.errors import RecordNotFound


class ConnectorNotFound(RecordNotFound):
    """This organisation has no connector with that id. List the connectors."""

    code = "CONNECTOR_NOT_FOUND"


class SecretInConfiguration(InvalidInput):
    """A secret stands in config. Name it as {{env.key}}, or keep it in the vault at vault_path."""

    code = "SECRET_IN_CONFIGURATION"
