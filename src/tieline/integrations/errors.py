"""What can go wrong with integrations and use cases."""

from tieline.kit.errors import InvalidInput, NotFound


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
