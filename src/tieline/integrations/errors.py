"""What can go wrong with integrations and use cases."""

from tieline.kit.errors import Conflict, InvalidInput, NotFound, TooLarge


class IntegrationNotFound(NotFound):
    """There is no such integration. GET /erp-integration/v1/integrations lists all."""

    code = "INTEGRATION_NOT_FOUND"


class UseCaseNotFound(NotFound):
    """This integration has no such use case. GET .../use-cases lists those there are."""

    code = "USE_CASE_NOT_FOUND"


class SlugTaken(InvalidInput):
    """Another use case of this integration has that slug. Choose another one."""

    code = "SLUG_TAKEN"


class SlugImmutable(InvalidInput):
    """A slug cannot be changed once it is set. Send the present one, or leave it out."""

    code = "SLUG_IMMUTABLE"


class TypeImmutable(InvalidInput):
    """The type of a use case cannot be changed. Create another use case instead."""

    code = "USE_CASE_TYPE_IMMUTABLE"


class UseCaseIdTaken(InvalidInput):
    """That id belongs to a use case of another integration. Leave `id` out to get a new one."""

    code = "USE_CASE_ID_TAKEN"


class DuplicateUseCase(InvalidInput):
    """Two use cases of the request have the same id. Keep one of them."""

    code = "DUPLICATE_USE_CASE"


class AppMappingExists(Conflict):
    """This component has an integration already. Send `overwrite: true` to give it this one."""

    code = "APP_MAPPING_EXISTS"


class AppMappingNotFound(NotFound):
    """This component does not belong to this integration. Check both ids and the integration."""

    code = "APP_MAPPING_NOT_FOUND"


class SampleNotFound(NotFound):
    """This use case has no such sample. GET .../samples lists those there are."""

    code = "SAMPLE_NOT_FOUND"


class SampleExists(Conflict):
    """This use case has a sample of that name. Choose another name, or replace it with PUT."""

    code = "SAMPLE_EXISTS"


class TooManySamples(InvalidInput):
    """A use case has no room for another sample. Delete one that shows the same as another."""

    code = "TOO_MANY_SAMPLES"


class SampleTooLarge(TooLarge):
    """A sample is larger than an event may be. Cut its payload down to what it is to show."""

    code = "SAMPLE_TOO_LARGE"


class NotInbound(InvalidInput):
    """Only inbound use cases have samples. Name an inbound one."""

    code = "USE_CASE_NOT_INBOUND"
