"""Samples of use cases, and the integrations of applications."""

from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # The first version of the ingest names an application's component instead of an integration.
    """
    CREATE TABLE app_mappings (
        org_id text NOT NULL,
        app_id uuid NOT NULL,
        component_id uuid NOT NULL,
        integration_id uuid NOT NULL,
        PRIMARY KEY (org_id, app_id, component_id),
        FOREIGN KEY (org_id, integration_id) REFERENCES integrations ON DELETE CASCADE
    )
    """,
    "CREATE INDEX app_mappings_integration ON app_mappings (org_id, integration_id)",
    # `json`, not `jsonb`: what was sent comes back as it was sent, digits and order included.
    """
    CREATE TABLE use_case_samples (
        org_id text NOT NULL,
        use_case_id uuid NOT NULL,
        name text NOT NULL,
        format text NOT NULL,
        payload json NOT NULL,
        event_type text,
        expected json NOT NULL,
        created_at timestamptz NOT NULL,
        updated_at timestamptz NOT NULL,
        PRIMARY KEY (org_id, use_case_id, name),
        FOREIGN KEY (org_id, use_case_id) REFERENCES use_cases ON DELETE CASCADE
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
