"""What can go wrong before the first delivery comes."""

from tieline.kit.errors import InvalidInput


class InvalidVerificationKey(InvalidInput):
    """No signature can be checked with this. Give a secret, or an Ed25519 public key as PEM."""

    code = "INVALID_VERIFICATION_KEY"


class InvalidRehearsal(InvalidInput):
    """A receiver cannot behave so. Correct the option that the message names."""

    code = "INVALID_REHEARSAL"
