"""PostgreSQL: the embedded server, the pool, transactions scoped by organisation, migrations."""

from tieline.database.pool import Database, OrgTransaction, Transaction

__all__ = ["Database", "OrgTransaction", "Transaction"]
