"""Applications, connectors and webhooks."""

from alembic import op

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

# What all of them carry: see tieline.records.envelope.
_ENVELOPE = """
        org_id text NOT NULL REFERENCES organisations,
        id uuid NOT NULL,
        app_id text,
        created_at timestamptz NOT NULL,
        created_by text,
        updated_at timestamptz NOT NULL,
        updated_by text,
        source text NOT NULL,
        source_type text NOT NULL,
        is_deleted boolean NOT NULL,
        deleted_at timestamptz,
        deleted_by text,
        schema_version integer NOT NULL,
        version bigint NOT NULL,
        PRIMARY KEY (org_id, id)
"""

STATEMENTS: tuple[str, ...] = (
    f"""
    CREATE TABLE applications (
        slug text NOT NULL,
        display_name text,
        kind text NOT NULL,
        primary_domain text,
        description text,
        oauth_client_id text,
        status text NOT NULL,
        canonical_owner_of text[] NOT NULL,
        api_base_path text,
        repository text,
        {_ENVELOPE}
    )
    """,
    "CREATE UNIQUE INDEX applications_slug ON applications (org_id, slug)",
    "CREATE UNIQUE INDEX applications_client ON applications (org_id, oauth_client_id)",
    f"""
    CREATE TABLE connectors (
        type text,
        provider text,
        name text,
        scope text NOT NULL,
        owner_id text,
        group_id text,
        user_id text,
        config json NOT NULL,
        vault_path text,
        auth_type text,
        oauth_refresh_needed boolean NOT NULL,
        oauth_token_expires_at timestamptz,
        enabled boolean NOT NULL,
        sync_status text,
        last_sync_at timestamptz,
        consecutive_errors bigint NOT NULL,
        last_error text,
        metrics json NOT NULL,
        event_types text[] NOT NULL,
        webhook_endpoint_id uuid,
        credential_last_rotated_at timestamptz,
        next_rotation_due timestamptz,
        tags text[] NOT NULL,
        application_id uuid,
        {_ENVELOPE}
    )
    """,
    f"""
    CREATE TABLE webhooks (
        name text,
        direction text NOT NULL,
        url text,
        event_types text[] NOT NULL,
        signature_scheme text NOT NULL,
        vault_path text,
        headers json NOT NULL,
        enabled boolean NOT NULL,
        retry_policy json NOT NULL,
        last_delivery_at timestamptz,
        last_delivery_status text,
        consecutive_failures bigint NOT NULL,
        paused_at timestamptz,
        connector_id uuid,
        tags text[] NOT NULL,
        application_id uuid,
        secret_fingerprint text,
        {_ENVELOPE}
    )
    """,
    # The usual list: newest first. The id makes the order of equal moments certain.
    *(
        f"CREATE INDEX {table}_newest ON {table} (org_id, created_at, id)"
        for table in ("applications", "connectors", "webhooks")
    ),
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
