"""Organisations, keys, integrations, inbound events and outcomes, entities and their history."""

from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None

# Every primary key begins with the organisation: the tables can be distributed by it.
STATEMENTS = (
    """
    CREATE TABLE organisations (
        id text PRIMARY KEY CHECK (id ~ '^[a-zA-Z0-9][a-zA-Z0-9_-]{0,63}$'),
        name text NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now()
    )
    """,
    """
    CREATE TABLE api_keys (
        org_id text NOT NULL REFERENCES organisations,
        id text NOT NULL,
        name text NOT NULL,
        kind text NOT NULL,
        key_prefix text NOT NULL,
        key_hash bytea NOT NULL,
        scopes text[] NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        expires_at timestamptz,
        revoked_at timestamptz,
        PRIMARY KEY (org_id, id)
    )
    """,
    "CREATE UNIQUE INDEX api_keys_hash ON api_keys (key_hash)",
    """
    CREATE TABLE idempotency_keys (
        org_id text NOT NULL,
        key text NOT NULL,
        request_hash bytea NOT NULL,
        status smallint,
        headers jsonb,
        body bytea,
        created_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (org_id, key)
    )
    """,
    "CREATE INDEX idempotency_keys_age ON idempotency_keys (created_at)",
    # --- integrations ---
    """
    CREATE TABLE integrations (
        org_id text NOT NULL REFERENCES organisations,
        id uuid NOT NULL,
        document json NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, id)
    )
    """,
    # `json`, not `jsonb`: the order of keys in a configuration has a meaning.
    """
    CREATE TABLE use_cases (
        org_id text NOT NULL,
        id uuid NOT NULL,
        integration_id uuid NOT NULL,
        version integer NOT NULL,
        name text NOT NULL,
        slug text,
        type text NOT NULL,
        enabled boolean NOT NULL,
        change_description text,
        configuration json,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, id),
        FOREIGN KEY (org_id, integration_id) REFERENCES integrations ON DELETE CASCADE
    )
    """,
    "CREATE UNIQUE INDEX use_cases_slug ON use_cases (org_id, integration_id, slug)",
    # Every version a use case ever had, the current one included: events name the version that
    # was in force when they were accepted, and may outlive the use case.
    """
    CREATE TABLE use_case_versions (
        org_id text NOT NULL,
        use_case_id uuid NOT NULL,
        version integer NOT NULL,
        history_id uuid NOT NULL,
        integration_id uuid NOT NULL,
        name text NOT NULL,
        slug text,
        type text NOT NULL,
        enabled boolean NOT NULL,
        change_description text,
        configuration json,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        archived_at timestamptz,
        PRIMARY KEY (org_id, use_case_id, version)
    )
    """,
    # --- inbound ---
    "CREATE SEQUENCE inbound_seq AS bigint CACHE 1",
    """
    CREATE TABLE inbound_events (
        org_id text NOT NULL,
        event_id text NOT NULL,
        accepted_at timestamptz NOT NULL,
        seq bigint NOT NULL,
        integration_id uuid NOT NULL,
        use_case_id uuid,
        use_case_version integer,
        event_name text NOT NULL,
        use_case_slug text,
        event_type text,
        event_time timestamptz NOT NULL,
        format text NOT NULL,
        payload bytea NOT NULL,
        deduplication_id text,
        correlation_id text NOT NULL,
        replay_of text,
        PRIMARY KEY (org_id, event_id, accepted_at)
    ) PARTITION BY RANGE (accepted_at)
    """,
    """
    CREATE INDEX inbound_events_newest
        ON inbound_events (org_id, integration_id, accepted_at DESC, event_id DESC)
    """,
    "CREATE INDEX inbound_events_correlation ON inbound_events (org_id, correlation_id)",
    # The work list: a row exists exactly as long as its event waits to be applied.
    """
    CREATE TABLE inbound_pending (
        org_id text NOT NULL,
        integration_id uuid NOT NULL,
        seq bigint NOT NULL,
        event_id text NOT NULL,
        accepted_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, integration_id, seq)
    ) WITH (
        autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 20000,
        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 50000
    )
    """,
    """
    CREATE TABLE inbound_deduplications (
        org_id text NOT NULL,
        integration_id uuid NOT NULL,
        deduplication_id text NOT NULL,
        event_id text NOT NULL,
        accepted_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, integration_id, deduplication_id)
    )
    """,
    "CREATE INDEX inbound_deduplications_age ON inbound_deduplications (accepted_at)",
    """
    CREATE TABLE inbound_outcomes (
        org_id text NOT NULL,
        integration_id uuid NOT NULL,
        completed_at timestamptz NOT NULL,
        event_id text NOT NULL,
        sync_type text NOT NULL,
        received_at timestamptz NOT NULL,
        correlation_id text,
        use_case_id uuid,
        use_case_version integer,
        event_type text,
        object_type text NOT NULL,
        status text NOT NULL,
        error_code text,
        error_category text,
        error_message text,
        duration_ms integer NOT NULL,
        entities jsonb,
        warnings jsonb,
        PRIMARY KEY (org_id, integration_id, completed_at, event_id, sync_type)
    ) PARTITION BY RANGE (completed_at)
    """,
    "CREATE INDEX inbound_outcomes_event ON inbound_outcomes (org_id, event_id)",
    # --- entities ---
    """
    CREATE TABLE entity_schemas (
        org_id text NOT NULL,
        slug text NOT NULL,
        version integer NOT NULL,
        id text NOT NULL,
        declared boolean NOT NULL,
        document json NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, slug, version)
    )
    """,
    """
    CREATE TABLE entities (
        org_id text NOT NULL,
        id uuid NOT NULL,
        schema text NOT NULL,
        title text,
        attributes jsonb NOT NULL,
        version bigint NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        deleted_at timestamptz,
        search tsvector NOT NULL,
        PRIMARY KEY (org_id, id)
    ) WITH (fillfactor = 85)
    """,
    "CREATE INDEX entities_newest ON entities (org_id, schema, created_at, id)",
    "CREATE INDEX entities_recycle_bin ON entities (deleted_at) WHERE deleted_at IS NOT NULL",
    "CREATE INDEX entities_search ON entities USING gin (search)",
    # Which attributes are looked up by value, and the look-up table itself.
    """
    CREATE TABLE indexed_attributes (
        org_id text NOT NULL,
        schema text NOT NULL,
        attribute text NOT NULL,
        PRIMARY KEY (org_id, schema, attribute)
    )
    """,
    """
    CREATE TABLE entity_index (
        org_id text NOT NULL,
        schema text NOT NULL,
        attribute text NOT NULL,
        value text NOT NULL,
        entity_id uuid NOT NULL,
        PRIMARY KEY (org_id, schema, attribute, value, entity_id)
    )
    """,
    """
    CREATE TABLE entity_relations (
        org_id text NOT NULL,
        entity_id uuid NOT NULL,
        attribute text NOT NULL,
        position integer NOT NULL,
        target_id uuid NOT NULL,
        tags text[] NOT NULL,
        PRIMARY KEY (org_id, entity_id, attribute, position)
    )
    """,
    "CREATE INDEX entity_relations_reverse ON entity_relations (org_id, target_id, entity_id)",
    """
    CREATE TABLE activities (
        org_id text NOT NULL,
        id text NOT NULL,
        created_at timestamptz NOT NULL,
        type text NOT NULL,
        title text NOT NULL,
        message text NOT NULL,
        payload json,
        caller json,
        pending boolean NOT NULL DEFAULT false,
        PRIMARY KEY (org_id, id, created_at)
    ) PARTITION BY RANGE (created_at)
    """,
    """
    CREATE TABLE activity_attachments (
        org_id text NOT NULL,
        entity_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        activity_id text NOT NULL,
        PRIMARY KEY (org_id, entity_id, created_at, activity_id)
    ) PARTITION BY RANGE (created_at)
    """,
    # One row per change of an entity. It is the domain event that later consumers read in the
    # order of `seq`. `created_at` is the moment of the activity.
    "CREATE SEQUENCE entity_operations_seq AS bigint CACHE 1",
    """
    CREATE TABLE entity_operations (
        org_id text NOT NULL,
        entity_id uuid NOT NULL,
        created_at timestamptz NOT NULL,
        activity_id text NOT NULL,
        seq bigint NOT NULL DEFAULT nextval('entity_operations_seq'),
        operation text NOT NULL,
        schema text NOT NULL,
        payload json NOT NULL,
        diff json,
        workflow_origin json,
        PRIMARY KEY (org_id, entity_id, created_at, activity_id, seq)
    ) PARTITION BY RANGE (created_at)
    """,
    "CREATE INDEX entity_operations_activity ON entity_operations (org_id, activity_id, seq)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("The first migration cannot be undone. Restore a backup instead.")
