"""Roll-ups of outcomes, and the access log."""

from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None

STATEMENTS = (
    # What a batch of outcomes adds to the figures. Only ever inserted, and soon moved on into the
    # tables below: whoever finishes a batch never waits for a row that somebody else counts in.
    "CREATE SEQUENCE outcome_deltas_seq AS bigint CACHE 1",
    """
    CREATE TABLE outcome_deltas (
        org_id text NOT NULL,
        integration_id uuid NOT NULL,
        minute timestamptz NOT NULL,
        seq bigint NOT NULL DEFAULT nextval('outcome_deltas_seq'),
        use_case_id uuid NOT NULL,
        sync_type text NOT NULL,
        status text NOT NULL,
        error_category text NOT NULL,
        object_type text NOT NULL,
        count bigint NOT NULL,
        last_at timestamptz NOT NULL,
        correlations bigint[] NOT NULL,
        PRIMARY KEY (org_id, integration_id, minute, seq)
    ) WITH (
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 20000
    )
    """,
    # `span` is the width of a bucket in minutes: each outcome is counted once in every width. What
    # is absent is the nil UUID or an empty text, for a key cannot hold nothing.
    """
    CREATE TABLE outcome_rollups (
        org_id text NOT NULL,
        integration_id uuid NOT NULL,
        span smallint NOT NULL,
        bucket timestamptz NOT NULL,
        use_case_id uuid NOT NULL,
        sync_type text NOT NULL,
        status text NOT NULL,
        error_category text NOT NULL,
        object_type text NOT NULL,
        count bigint NOT NULL,
        last_at timestamptz NOT NULL,
        PRIMARY KEY (
            org_id, integration_id, span, bucket,
            use_case_id, sync_type, status, error_category, object_type
        )
    ) PARTITION BY RANGE (bucket)
    """,
    # The smallest hashes of the correlation ids of a bucket.
    """
    CREATE TABLE correlation_sketches (
        org_id text NOT NULL,
        integration_id uuid NOT NULL,
        span smallint NOT NULL,
        bucket timestamptz NOT NULL,
        hashes bigint[] NOT NULL,
        PRIMARY KEY (org_id, integration_id, span, bucket)
    ) PARTITION BY RANGE (bucket)
    """,
    # Outcomes from before this migration are counted like those that follow.
    """
    DO $$
    DECLARE start timestamptz;
    BEGIN
        FOR start IN
            SELECT DISTINCT date_trunc('month', completed_at, 'UTC') FROM inbound_outcomes
        LOOP
            EXECUTE format(
                'CREATE TABLE outcome_rollups_%1$s PARTITION OF outcome_rollups '
                'FOR VALUES FROM (%2$L) TO (%3$L)',
                to_char(start, 'YYYYMM'), start, start + interval '1 month'
            );
            EXECUTE format(
                'CREATE TABLE correlation_sketches_%1$s PARTITION OF correlation_sketches '
                'FOR VALUES FROM (%2$L) TO (%3$L)',
                to_char(start, 'YYYYMM'), start, start + interval '1 month'
            );
        END LOOP;
    END $$
    """,
    """
    INSERT INTO outcome_deltas (
        org_id, integration_id, minute, use_case_id, sync_type, status, error_category, object_type,
        count, last_at, correlations
    )
    SELECT
        org_id, integration_id, date_trunc('minute', completed_at, 'UTC'),
        coalesce(use_case_id, '00000000-0000-0000-0000-000000000000'), sync_type, status,
        coalesce(error_category, ''), object_type, count(*), max(completed_at),
        coalesce(
            array_agg(
                DISTINCT ('x' || encode(substr(sha256(convert_to(correlation_id, 'UTF8')), 1, 8),
                    'hex'))::bit(64)::bigint
            ) FILTER (WHERE correlation_id IS NOT NULL),
            '{}'
        )
    FROM inbound_outcomes
    GROUP BY 1, 2, 3, 4, 5, 6, 7, 8
    """,
    """
    CREATE INDEX inbound_outcomes_correlation
        ON inbound_outcomes (org_id, correlation_id, completed_at)
    """,
    # Only events of the older ingest versions have a type.
    """
    CREATE INDEX inbound_outcomes_event_type
        ON inbound_outcomes (org_id, integration_id, event_type, completed_at)
        WHERE event_type IS NOT NULL
    """,
    "CREATE SEQUENCE access_log_seq AS bigint CACHE 1",
    """
    CREATE TABLE access_log (
        org_id text NOT NULL,
        token_id text NOT NULL,
        at timestamptz NOT NULL,
        request_id text NOT NULL,
        seq bigint NOT NULL DEFAULT nextval('access_log_seq'),
        service text NOT NULL,
        method text NOT NULL,
        path text NOT NULL,
        status smallint NOT NULL,
        latency_ms integer NOT NULL,
        response_length bigint NOT NULL,
        origin text,
        source_ip text,
        PRIMARY KEY (org_id, token_id, at, request_id, seq)
    ) PARTITION BY RANGE (at)
    """,
    # Refusals and faults are few, and what people look for.
    """
    CREATE INDEX access_log_failures ON access_log (org_id, token_id, status, at, request_id)
        WHERE status >= 400
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
