"""What can go wrong with webhooks."""

from tieline.kit.errors import Conflict, InvalidInput
from tieline.records.errors import RecordNotFound


class WebhookNotFound(RecordNotFound):
    """This organisation has no webhook with that id. List the webhooks."""

    code = "WEBHOOK_NOT_FOUND"


class InvalidWebhookUrl(InvalidInput):
    """The url of a webhook is absolute, http or https, without credentials and fragment."""

    code = "INVALID_WEBHOOK_URL"


class InvalidWebhookHeader(InvalidInput):
    """A header of a webhook cannot be sent. Correct or remove the one that the message names."""

    code = "INVALID_WEBHOOK_HEADER"


class WebhookSecretElsewhere(Conflict):
    """This webhook has no signing secret of Tieline's. Replace its secret where it is kept."""

    code = "WEBHOOK_SECRET_ELSEWHERE"
