"""Environment variables and secrets."""

from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # The keys of all organisations' secrets, each wrapped by the master key, which is not here.
    """
    CREATE TABLE secret_keys (
        version integer PRIMARY KEY,
        wrapped bytea NOT NULL,
        created_at timestamptz NOT NULL
    )
    """,
    """
    CREATE TABLE secrets (
        org_id text NOT NULL,
        path text NOT NULL,
        key_version integer NOT NULL REFERENCES secret_keys,
        nonce bytea NOT NULL,
        sealed bytea NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, path)
    )
    """,
    "CREATE INDEX secrets_key_version ON secrets (key_version)",
    # What a transaction that committed has deleted and the vault still holds.
    """
    CREATE TABLE secret_disposals (
        org_id text NOT NULL,
        path text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, path)
    )
    """,
    """
    CREATE TABLE environment_groups (
        org_id text NOT NULL,
        name text NOT NULL,
        description text,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, name)
    )
    """,
    # A secret's value is never here: `has_value` says whether the store of secrets has one.
    """
    CREATE TABLE environment_variables (
        org_id text NOT NULL,
        key text NOT NULL,
        type text NOT NULL,
        description text,
        group_name text,
        value text,
        has_value boolean NOT NULL,
        protected boolean NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, key),
        FOREIGN KEY (org_id, group_name) REFERENCES environment_groups
            ON DELETE SET NULL (group_name),
        CHECK (type = 'String' OR value IS NULL),
        CHECK (type <> 'String' OR has_value = (value IS NOT NULL))
    )
    """,
    "CREATE INDEX environment_variables_group ON environment_variables (org_id, group_name)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
