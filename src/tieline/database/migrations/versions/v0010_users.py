"""People who come with tokens of an OIDC issuer, and their roles."""

from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    CREATE TABLE users (
        org_id text NOT NULL REFERENCES organisations,
        id text NOT NULL,
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
        version integer NOT NULL,
        issuer text NOT NULL,
        subject text NOT NULL,
        email text,
        name text,
        roles text[] NOT NULL,
        roles_given boolean NOT NULL,
        disabled boolean NOT NULL,
        last_seen_at timestamptz NOT NULL,
        profile_as_of timestamptz,
        PRIMARY KEY (org_id, id)
    )
    """,
    "CREATE UNIQUE INDEX users_subject ON users (org_id, issuer, subject)",
    "CREATE INDEX users_age ON users (org_id, created_at, id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
