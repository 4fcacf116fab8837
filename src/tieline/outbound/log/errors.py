"""Errors about the log of deliveries."""

from tieline.kit.errors import Conflict


class DeliveryNotReplayable(Conflict):
    """Nothing was rendered for this delivery, so nothing can be sent again. Trigger the event."""

    code = "DELIVERY_NOT_REPLAYABLE"


class WebhookDisabled(Conflict):
    """The webhook is disabled, so nothing leaves. Enable it first."""

    code = "WEBHOOK_DISABLED"
