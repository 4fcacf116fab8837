"""What can go wrong with webhooks."""

from tieline.kit.errors import Conflict, Forbidden, InvalidInput, Unprocessable
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


class InvalidWebhookExpression(InvalidInput):
    """The JSONata expression of a webhook cannot be compiled. Correct it."""

    code = "INVALID_WEBHOOK_EXPRESSION"


class WebhookProtected(Forbidden):
    """The webhook is protected. Send `protected: false` with the change, or before deleting it."""

    code = "WEBHOOK_PROTECTED"


class WebhookIncomplete(Unprocessable):
    """The webhook has no url, so nothing can be sent to it. Set one."""

    code = "WEBHOOK_INCOMPLETE"


class WebhookAuthIncomplete(Unprocessable):
    """The webhook has no secret with which to tell who calls. Set it in `auth`."""

    code = "WEBHOOK_AUTH_INCOMPLETE"


class WebhookSecretMissing(Unprocessable):
    """The signing secret is not where the webhook says. Put it there, or rotate the secret."""

    code = "WEBHOOK_SECRET_MISSING"


class InvalidHeaderValue(Unprocessable):
    """The value of a variable has characters that no header can carry. Correct the variable."""

    code = "INVALID_HEADER_VALUE"


class WebhookWithoutOAuth(InvalidInput):
    """The webhook asks for no OAuth token. Set the authType OAUTH_CLIENT_CREDENTIALS first."""

    code = "WEBHOOK_WITHOUT_OAUTH"
