"""Errors about pulling messages."""

from tieline.kit.errors import Conflict


class WebhookNotPulled(Conflict):
    """The messages of this webhook are sent to its url. Set its transport to pull to fetch them."""

    code = "WEBHOOK_NOT_PULLED"
