"""Events that failed, and their mass replay."""

from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None

STATEMENTS = (
    # One row per event that failed. It lies in the partition of its event's day, so that it goes
    # when the payload goes: without that there is nothing left to replay.
    """
    CREATE TABLE inbound_dead_letters (
        org_id text NOT NULL,
        event_id text NOT NULL,
        accepted_at timestamptz NOT NULL,
        integration_id uuid NOT NULL,
        seq bigint NOT NULL,
        failed_at timestamptz NOT NULL,
        use_case_id uuid,
        use_case_version integer,
        event_name text NOT NULL,
        correlation_id text,
        sync_type text NOT NULL,
        error_code text NOT NULL,
        error_category text NOT NULL,
        error_message text NOT NULL,
        reason text NOT NULL,
        replay_of text,
        status text NOT NULL DEFAULT 'open',
        note text,
        replay_event_id text,
        resolved_at timestamptz,
        resolved_by text,
        PRIMARY KEY (org_id, event_id, accepted_at)
    ) PARTITION BY RANGE (accepted_at)
    """,
    """
    CREATE INDEX inbound_dead_letters_newest ON inbound_dead_letters
        (org_id, integration_id, status, failed_at DESC, event_id DESC)
    """,
    """
    CREATE INDEX inbound_dead_letters_open ON inbound_dead_letters (org_id, integration_id, seq)
        WHERE status = 'open'
    """,
    # An event that waits since before this migration may fail after it.
    """
    DO $$
    DECLARE day record;
    BEGIN
        FOR day IN
            SELECT c.relname AS name, pg_get_expr(c.relpartbound, c.oid) AS bounds
            FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
            WHERE i.inhparent = 'inbound_events'::regclass
        LOOP
            EXECUTE format(
                'CREATE TABLE %I PARTITION OF inbound_dead_letters %s',
                replace(day.name, 'inbound_events', 'inbound_dead_letters'), day.bounds
            );
        END LOOP;
    END $$
    """,
    # A mass replay: what it selects, how far it is, and when it may go on.
    """
    CREATE TABLE inbound_redrives (
        org_id text NOT NULL,
        id uuid NOT NULL,
        integration_id uuid NOT NULL,
        selection json NOT NULL,
        rate_per_second integer NOT NULL,
        status text NOT NULL,
        step integer NOT NULL DEFAULT 0,
        after_seq bigint NOT NULL DEFAULT 0,
        until_seq bigint NOT NULL,
        total bigint NOT NULL,
        replayed bigint NOT NULL DEFAULT 0,
        ignored bigint NOT NULL DEFAULT 0,
        not_found bigint NOT NULL DEFAULT 0,
        correlation_id text NOT NULL,
        requested_by text NOT NULL,
        created_at timestamptz NOT NULL,
        next_at timestamptz NOT NULL,
        finished_at timestamptz,
        PRIMARY KEY (org_id, id),
        FOREIGN KEY (org_id, integration_id) REFERENCES integrations ON DELETE CASCADE
    )
    """,
    "CREATE INDEX inbound_redrives_running ON inbound_redrives (next_at) WHERE status = 'running'",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
