"""What can go wrong with templates."""

from tieline.kit.errors import InvalidInput, Unprocessable


class TemplateInvalid(InvalidInput):
    """The template cannot be read. Correct it at the character that is named."""

    code = "TEMPLATE_INVALID"


class TemplateFailed(Unprocessable):
    """The template cannot be rendered with these values. Correct it, or send other values."""

    code = "TEMPLATE_FAILED"
