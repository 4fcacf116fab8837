"""Errors about dead letters."""

from tieline.kit.errors import NotFound


class DeliveryRedriveNotFound(NotFound):
    """This organisation has no redrive of deliveries with that id. List the redrives."""

    code = "DELIVERY_REDRIVE_NOT_FOUND"
