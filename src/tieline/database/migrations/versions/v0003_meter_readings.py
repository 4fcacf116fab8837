"""Meter readings."""

from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

STATEMENTS = (
    # Not entities: there are millions of them a day, and they only ever belong to a meter. Not
    # partitioned: see docs/decisions/0015-meter-readings.md. What is absent from a key has a value
    # of its own there: the nil uuid for no counter, an empty text for no direction. `written_as` is
    # what was sent, unless `read_at` says the same.
    """
    CREATE TABLE meter_readings (
        org_id text NOT NULL,
        meter_id uuid NOT NULL,
        counter_id uuid NOT NULL,
        read_at timestamptz NOT NULL,
        direction text NOT NULL,
        value numeric NOT NULL,
        source text NOT NULL,
        external_id text,
        written_as text,
        details json,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, meter_id, counter_id, read_at, direction)
    ) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_analyze_scale_factor = 0.02)
    """,
    "CREATE INDEX meter_readings_external ON meter_readings (org_id, meter_id, external_id) "
    "WHERE external_id IS NOT NULL",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
