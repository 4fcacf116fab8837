"""What can be wrong with a query."""

from tieline.kit.errors import InvalidInput


class InvalidQuery(InvalidInput):
    """The query cannot be read. Correct it as the message says; docs/entities.md has the syntax."""

    code = "INVALID_QUERY"


class InvalidFilter(InvalidInput):
    """The filter cannot be read. Correct the named part; docs/entities.md lists the filters."""

    code = "INVALID_FILTER"


class UnsupportedAggregation(InvalidInput):
    """Only `terms` aggregations are computed. Remove the named one or ask for terms."""

    code = "UNSUPPORTED_AGGREGATION"


class ResultWindowTooLarge(InvalidInput):
    """`from` plus `size` reaches further than 10,000 results. Go on with `search_after` instead."""

    code = "RESULT_WINDOW_TOO_LARGE"


class SearchTooExpensive(InvalidInput):
    """The search took too long and was stopped. Add a filter on `_schema`, or fewer wildcards."""

    code = "SEARCH_TOO_EXPENSIVE"


class SchemaFilterMissing(InvalidInput):
    """Nothing limits the listing to a schema.

    Add a filter on `_schema`, or set `allow_targeting_all_schemas`.
    """

    code = "SCHEMA_FILTER_MISSING"


class AnswerTooLarge(InvalidInput):
    """The entities found are too large for one answer. Ask for fewer at once by `size`."""

    code = "ANSWER_TOO_LARGE"
