"""Errors about the log of deliveries."""

from tieline.kit.errors import Conflict, NotFound


class DeliveryNotFound(NotFound):
    """This webhook has no delivery with that id, or it is older than the log. List its events."""

    code = "DELIVERY_NOT_FOUND"


class DeliveryNotReplayable(Conflict):
    """Nothing was rendered for this delivery, so nothing can be sent again. Trigger the event."""

    code = "DELIVERY_NOT_REPLAYABLE"


class WebhookDisabled(Conflict):
    """The webhook is disabled, so nothing leaves. Enable it first."""

    code = "WEBHOOK_DISABLED"
