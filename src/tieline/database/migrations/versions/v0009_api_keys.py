"""API keys in full, the counters of limits, and the keys that sign access tokens."""

from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE api_keys
        ADD COLUMN app_id text,
        ADD COLUMN updated_at timestamptz,
        ADD COLUMN created_by text,
        ADD COLUMN updated_by text,
        ADD COLUMN source text NOT NULL DEFAULT 'edm',
        ADD COLUMN source_type text NOT NULL DEFAULT 'api',
        ADD COLUMN is_deleted boolean NOT NULL DEFAULT false,
        ADD COLUMN deleted_at timestamptz,
        ADD COLUMN deleted_by text,
        ADD COLUMN schema_version integer NOT NULL DEFAULT 1,
        ADD COLUMN version integer NOT NULL DEFAULT 1,
        ADD COLUMN roles text[] NOT NULL DEFAULT '{}',
        ADD COLUMN issued_to_user_id text,
        ADD COLUMN issued_to_service text,
        ADD COLUMN allowed_models text[],
        ADD COLUMN tpm_limit integer,
        ADD COLUMN rpm_limit integer,
        ADD COLUMN max_budget_usd numeric,
        ADD COLUMN spend_usd numeric NOT NULL DEFAULT 0,
        ADD COLUMN tokens_used bigint NOT NULL DEFAULT 0,
        ADD COLUMN blocked boolean NOT NULL DEFAULT false,
        ADD COLUMN blocked_reason text,
        ADD COLUMN last_used_at timestamptz,
        ADD COLUMN rotated_from_key_id text,
        ADD COLUMN created_by_user_id text,
        ADD COLUMN tags text[] NOT NULL DEFAULT '{}',
        ADD COLUMN application_id uuid,
        ADD COLUMN token_type text NOT NULL DEFAULT 'api',
        ADD COLUMN journey_id text,
        ADD COLUMN portal_id text
    """,
    """
    UPDATE api_keys SET updated_at = coalesce(revoked_at, created_at),
        blocked = revoked_at IS NOT NULL,
        blocked_reason = CASE WHEN revoked_at IS NOT NULL THEN 'revoked' END
    """,
    # A key that was revoked is blocked for good.
    """
    ALTER TABLE api_keys
        ALTER COLUMN updated_at SET NOT NULL,
        ADD CONSTRAINT api_keys_revoked CHECK (revoked_at IS NULL OR blocked)
    """,
    "CREATE INDEX api_keys_age ON api_keys (org_id, created_at, id)",
    # What is asked about keys and shown of them never touches their hashes.
    """
    CREATE TABLE api_key_credentials (
        org_id text NOT NULL,
        key_id text NOT NULL,
        key_hash bytea NOT NULL,
        PRIMARY KEY (org_id, key_id),
        FOREIGN KEY (org_id, key_id) REFERENCES api_keys ON DELETE CASCADE
    )
    """,
    "CREATE UNIQUE INDEX api_key_credentials_hash ON api_key_credentials (key_hash)",
    """
    INSERT INTO api_key_credentials (org_id, key_id, key_hash)
    SELECT org_id, id, key_hash FROM api_keys
    """,
    "ALTER TABLE api_keys DROP COLUMN key_hash",
    # 0 is no limit at all, none the installation's own.
    "ALTER TABLE organisations ADD COLUMN rpm_limit integer CHECK (rpm_limit >= 0)",
    # Counters of the current minute and the one before. A crash of the database may empty them.
    """
    CREATE UNLOGGED TABLE rate_windows (
        org_id text NOT NULL,
        subject text NOT NULL,
        minute bigint NOT NULL,
        used bigint NOT NULL,
        granted bigint NOT NULL,
        PRIMARY KEY (org_id, subject, minute)
    )
    """,
    """
    CREATE TABLE token_signing_keys (
        org_id text NOT NULL,
        kid text NOT NULL,
        public_key json NOT NULL,
        created_at timestamptz NOT NULL,
        retired_at timestamptz,
        PRIMARY KEY (org_id, kid)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
