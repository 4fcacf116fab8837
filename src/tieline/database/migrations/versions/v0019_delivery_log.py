"""Lists of deliveries by how they ended, dead letters that were discarded, and mass redrives."""

from alembic import op

revision = "0019"
down_revision = "0018"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE deliveries
        ADD COLUMN discarded_at timestamptz,
        ADD COLUMN discarded_by text,
        ADD COLUMN note text
    """,
    # A delivery that succeeds is in none of these: only what goes wrong pays for them.
    "CREATE INDEX deliveries_ended ON deliveries (org_id, webhook_id, state, created_at, id) "
    "WHERE state IN ('failed', 'skipped', 'cancelled')",
    "CREATE INDEX deliveries_dead ON deliveries (org_id, created_at, id) "
    "WHERE state = 'failed' AND discarded_at IS NULL",
    "CREATE INDEX deliveries_dead_webhook ON deliveries (org_id, webhook_id, created_at, id) "
    "WHERE state = 'failed' AND discarded_at IS NULL",
    "CREATE INDEX deliveries_discarded ON deliveries (org_id, created_at, id) "
    "WHERE discarded_at IS NOT NULL",
    """
    CREATE TABLE delivery_redrives (
        org_id text NOT NULL REFERENCES organisations,
        id uuid NOT NULL,
        selection json NOT NULL,
        webhook_ids uuid[],
        rate_per_second integer NOT NULL,
        status text NOT NULL,
        step integer NOT NULL,
        after_created timestamptz,
        after_id uuid,
        total bigint NOT NULL,
        redriven bigint NOT NULL,
        not_sendable bigint NOT NULL,
        requested_by text NOT NULL,
        created_at timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        finished_at timestamptz,
        PRIMARY KEY (org_id, id)
    )
    """,
    "CREATE INDEX delivery_redrives_age ON delivery_redrives (org_id, created_at, id)",
    "CREATE INDEX delivery_redrives_running ON delivery_redrives (next_at) "
    "WHERE status = 'running'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
