"""Errors about the audit log."""

from tieline.kit.errors import NotFound


class AuditEntryNotFound(NotFound):
    """There is no such entry in the audit log, or its time is over. List the log to find others."""

    code = "AUDIT_ENTRY_NOT_FOUND"
