"""Acknowledgements that are awaited, and the figures of deliveries."""

from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None

_NOBODY = "00000000-0000-0000-0000-000000000000"
_COUNTED = "org_id, integration_id, created_at, event_name, webhook_id, state, ended_at"

STATEMENTS: tuple[str, ...] = (
    # Use cases that are there already want to hear of events.
    """
    INSERT INTO change_listeners (org_id, consumer)
    SELECT DISTINCT org_id, 'catalogue' FROM use_cases WHERE type = 'outbound'
    ON CONFLICT DO NOTHING
    """,
    # A row goes when it is acknowledged or when its time is over.
    """
    CREATE TABLE awaited_acknowledgements (
        org_id text NOT NULL,
        ack_id text NOT NULL,
        integration_id uuid NOT NULL,
        use_case_id uuid NOT NULL,
        mapping_id uuid,
        webhook_id uuid NOT NULL,
        delivery_id uuid NOT NULL,
        event_id text NOT NULL,
        event_name text NOT NULL,
        correlation_id text,
        created_at timestamptz NOT NULL,
        delivered_at timestamptz,
        PRIMARY KEY (org_id, ack_id)
    ) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000)
    """,
    """
    CREATE INDEX awaited_acknowledgements_delivered ON awaited_acknowledgements (delivered_at)
    WHERE delivered_at IS NOT NULL
    """,
    """
    CREATE INDEX awaited_acknowledgements_undelivered ON awaited_acknowledgements (created_at)
    WHERE delivered_at IS NULL
    """,
    # What deliveries add to the figures, until it is added up. A delivery whose state changes is
    # taken away from those of its former state, so that a count may be negative.
    "CREATE SEQUENCE delivery_deltas_seq AS bigint CACHE 1",
    """
    CREATE TABLE delivery_deltas (
        org_id text NOT NULL,
        integration_id uuid NOT NULL,
        minute timestamptz NOT NULL,
        seq bigint NOT NULL DEFAULT nextval('delivery_deltas_seq'),
        event_name text NOT NULL,
        webhook_id uuid NOT NULL,
        state text NOT NULL,
        count bigint NOT NULL,
        last_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, integration_id, minute, seq)
    ) WITH (
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
    )
    """,
    # As with outcomes: `span` is the width of a bucket in minutes, and each delivery is counted
    # once in every width. The integration of a delivery that belongs to none is the nil UUID.
    """
    CREATE TABLE delivery_rollups (
        org_id text NOT NULL,
        integration_id uuid NOT NULL,
        span smallint NOT NULL,
        bucket timestamptz NOT NULL,
        event_name text NOT NULL,
        webhook_id uuid NOT NULL,
        state text NOT NULL,
        count bigint NOT NULL,
        last_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, integration_id, span, bucket, event_name, webhook_id, state)
    ) PARTITION BY RANGE (bucket)
    """,
    # Deliveries are counted where they are stored: whoever writes them need not think of it.
    f"""
    CREATE FUNCTION tieline_count_new_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO delivery_deltas (
            org_id, integration_id, minute, event_name, webhook_id, state, count, last_at
        )
        SELECT
            org_id, coalesce(integration_id, '{_NOBODY}'), date_trunc('minute', created_at, 'UTC'),
            event_name, webhook_id, state, count(*), max(coalesce(ended_at, created_at))
        FROM now_there GROUP BY 1, 2, 3, 4, 5, 6;
        RETURN NULL;
    END $$
    """,
    f"""
    CREATE FUNCTION tieline_count_changed_deliveries() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        INSERT INTO delivery_deltas (
            org_id, integration_id, minute, event_name, webhook_id, state, count, last_at
        )
        SELECT
            org_id, coalesce(integration_id, '{_NOBODY}'), date_trunc('minute', created_at, 'UTC'),
            event_name, webhook_id, state, sum(n), max(coalesce(ended_at, created_at))
        FROM (
            SELECT {_COUNTED}, 1 AS n FROM now_there
            UNION ALL SELECT {_COUNTED}, -1 FROM before_that
        ) AS changed
        GROUP BY 1, 2, 3, 4, 5, 6 HAVING sum(n) <> 0;
        RETURN NULL;
    END $$
    """,
    """
    CREATE TRIGGER deliveries_count_new AFTER INSERT ON deliveries
    REFERENCING NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION tieline_count_new_deliveries()
    """,
    """
    CREATE TRIGGER deliveries_count_changed AFTER UPDATE ON deliveries
    REFERENCING OLD TABLE AS before_that NEW TABLE AS now_there
    FOR EACH STATEMENT EXECUTE FUNCTION tieline_count_changed_deliveries()
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
