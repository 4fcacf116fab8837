"""What can go wrong when one asks for a delivery."""

from __future__ import annotations

from tieline.kit.errors import Conflict, NotFound


class DeliveryNotFound(NotFound):
    """There is no such delivery, or it is older than the log. List the events of the webhook."""

    code = "DELIVERY_NOT_FOUND"


class DeliveryUnderWay(Conflict):
    """The delivery is being sent by another process, and the receiver takes its time.

    See its attempts in the log in a minute.
    """

    code = "DELIVERY_UNDER_WAY"
