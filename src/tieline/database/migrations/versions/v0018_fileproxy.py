"""What became of signed download links."""

from alembic import op

revision = "0018"
down_revision = "0017"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # One row per use of a link whose signature was right.
    """
    CREATE TABLE file_downloads (
        org_id text NOT NULL,
        integration_id uuid NOT NULL,
        at timestamptz NOT NULL,
        id uuid NOT NULL,
        use_case_id uuid,
        use_case_slug text,
        params json NOT NULL,
        code text NOT NULL,
        message text,
        step integer,
        upstream_status integer,
        filename text,
        content_type text,
        bytes bigint NOT NULL,
        milliseconds integer NOT NULL,
        request_id text NOT NULL,
        source_ip text,
        PRIMARY KEY (org_id, integration_id, at, id)
    ) PARTITION BY RANGE (at)
    """,
    # Those that failed may be few among many.
    "CREATE INDEX file_downloads_failed ON file_downloads (org_id, integration_id, at, id) "
    "WHERE code <> 'FILE_PROXY_OK'",
    "CREATE INDEX file_downloads_request ON file_downloads (org_id, request_id)",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
