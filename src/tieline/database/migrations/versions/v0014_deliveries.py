"""Deliveries, their attempts, what waits, and how webhooks fare."""

from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # The log. `created_at` is the moment in the id (a UUIDv7), to the millisecond, so that an id
    # leads to its partition. A row is written once and changed once, when the delivery ends: until
    # then `attempts` counts those of earlier rounds only. Each redrive is another round.
    """
    CREATE TABLE deliveries (
        org_id text NOT NULL,
        created_at timestamptz NOT NULL,
        id uuid NOT NULL,
        webhook_id uuid NOT NULL,
        kind text NOT NULL,
        state text NOT NULL,
        event_id text NOT NULL,
        event_name text NOT NULL,
        message_id text NOT NULL,
        entity_id uuid,
        integration_id uuid,
        use_case_id uuid,
        mapping_id uuid,
        correlation_id text,
        ack_id text,
        replay_of uuid,
        url text,
        http_method text NOT NULL,
        content_type text NOT NULL,
        body bytea,
        metadata json NOT NULL,
        round integer NOT NULL DEFAULT 1,
        attempts integer NOT NULL DEFAULT 0,
        status_code integer,
        error_code text,
        reason text,
        ended_at timestamptz,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, created_at, id)
    ) PARTITION BY RANGE (created_at)
    """,
    # Of some webhooks nearly all events are skipped: nobody who looks for the others reads past
    # them, and making one costs less.
    "CREATE INDEX deliveries_webhook ON deliveries (org_id, webhook_id, created_at, id) "
    "WHERE state <> 'skipped'",
    "CREATE INDEX deliveries_event ON deliveries (org_id, event_name, created_at, id)",
    # One row per request that was, or may have been, sent. `created_at` is that of the delivery;
    # `number` begins anew at 1 in each round.
    """
    CREATE TABLE delivery_attempts (
        org_id text NOT NULL,
        created_at timestamptz NOT NULL,
        delivery_id uuid NOT NULL,
        number integer NOT NULL,
        round integer NOT NULL DEFAULT 1,
        outcome text NOT NULL,
        started_at timestamptz NOT NULL,
        milliseconds real,
        url text,
        address text,
        request_headers json,
        status_code integer,
        response_headers json,
        response_body bytea,
        response_bytes bigint,
        error_code text,
        error text,
        PRIMARY KEY (org_id, created_at, delivery_id, round, number)
    ) PARTITION BY RANGE (created_at)
    """,
    # What is not at its end. A row is small and changes often; that of a delivery that has ended is
    # gone. `attempt` counts the attempts of the round that were begun; it is counted up when a row
    # is leased, before anything is sent. `entity_id` is given only where the order of an entity is
    # kept: such a row is sent when none of the webhook with the same entity and a lower `seq` is
    # left. `behind` says that it was found waiting for another, and need not be looked at.
    #
    # Whoever changes or removes rows, other than by adding new ones, holds the lock on the row of
    # their webhook in `webhook_states`.
    "CREATE SEQUENCE delivery_queue_seq AS bigint CACHE 1",
    """
    CREATE TABLE delivery_queue (
        org_id text NOT NULL,
        webhook_id uuid NOT NULL,
        seq bigint NOT NULL DEFAULT nextval('delivery_queue_seq'),
        delivery_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        entity_id uuid,
        due_at timestamptz NOT NULL,
        attempt integer NOT NULL DEFAULT 0,
        round integer NOT NULL DEFAULT 1,
        behind boolean NOT NULL DEFAULT false,
        lease uuid,
        leased_at timestamptz,
        leased_until timestamptz,
        PRIMARY KEY (org_id, webhook_id, seq)
    ) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000)
    """,
    "CREATE UNIQUE INDEX delivery_queue_delivery ON delivery_queue (org_id, delivery_id)",
    "CREATE INDEX delivery_queue_due ON delivery_queue (org_id, webhook_id, due_at, seq) "
    "WHERE leased_until IS NULL AND NOT behind",
    "CREATE INDEX delivery_queue_leases ON delivery_queue (org_id, webhook_id, leased_until) "
    "WHERE leased_until IS NOT NULL",
    "CREATE INDEX delivery_queue_order ON delivery_queue (org_id, webhook_id, entity_id, seq) "
    "WHERE entity_id IS NOT NULL",
    # How each webhook to which anything was ever to be delivered fares: its circuit, its allowance
    # of requests, how long it has been failing.
    """
    CREATE TABLE webhook_states (
        org_id text NOT NULL,
        webhook_id uuid NOT NULL,
        circuit text NOT NULL DEFAULT 'closed',
        circuit_failures integer NOT NULL DEFAULT 0,
        circuit_opened_at timestamptz,
        circuit_until timestamptz,
        circuit_rounds integer NOT NULL DEFAULT 0,
        consecutive_failures integer NOT NULL DEFAULT 0,
        failing_since timestamptz,
        tokens double precision,
        tokens_at timestamptz,
        PRIMARY KEY (org_id, webhook_id)
    ) WITH (fillfactor = 50)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
