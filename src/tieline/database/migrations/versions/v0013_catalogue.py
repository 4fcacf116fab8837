"""The event catalogue: switches, custom events, the history of events."""

from alembic import op

revision = "0013"
down_revision = "0012"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # Another version after each change of an organisation's catalogue, so that what is remembered
    # of it is checked by reading one value.
    """
    CREATE TABLE event_catalogues (
        org_id text NOT NULL REFERENCES organisations,
        version uuid NOT NULL,
        PRIMARY KEY (org_id)
    )
    """,
    # What an organisation has switched itself; without a row an event is as it is defined.
    """
    CREATE TABLE event_switches (
        org_id text NOT NULL REFERENCES organisations,
        name text NOT NULL,
        enabled boolean NOT NULL,
        auto_trigger boolean NOT NULL,
        automation_trigger boolean NOT NULL,
        version bigint NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, name)
    )
    """,
    # `json`, not `jsonb`: fields keep the order in which they were defined.
    """
    CREATE TABLE custom_events (
        org_id text NOT NULL REFERENCES organisations,
        name text NOT NULL,
        status text NOT NULL,
        definition json NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, name)
    )
    """,
    # `event_time` is the moment in the id, to the millisecond: an id leads to its row.
    """
    CREATE TABLE event_history (
        org_id text NOT NULL,
        event_name text NOT NULL,
        event_time timestamptz NOT NULL,
        event_id text NOT NULL,
        event_version text NOT NULL,
        source text NOT NULL,
        trigger_source_type text NOT NULL,
        trigger_source text NOT NULL,
        ack_id text,
        entity_id uuid,
        fields json NOT NULL,
        fault text,
        PRIMARY KEY (org_id, event_name, event_time, event_id)
    ) PARTITION BY RANGE (event_time)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
