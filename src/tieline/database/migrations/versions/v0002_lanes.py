"""Events of one integration can be applied in several lanes."""

from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

STATEMENTS = (
    "ALTER TABLE inbound_events ADD COLUMN group_id text",
    "ALTER TABLE inbound_pending ADD COLUMN lane smallint NOT NULL DEFAULT 0",
    "ALTER TABLE inbound_pending DROP CONSTRAINT inbound_pending_pkey",
    "ALTER TABLE inbound_pending ADD PRIMARY KEY (org_id, integration_id, lane, seq)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
