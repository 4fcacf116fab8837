"""What can go wrong with acknowledgements."""

from tieline.kit.errors import NotFound


class AcknowledgementUnknown(NotFound):
    """Nobody waits for this acknowledgement: it came already, it came too late, or there is none.

    Send the `_ack_id` of the message, once, within 15 minutes after its delivery.
    """

    code = "ACKNOWLEDGEMENT_UNKNOWN"
