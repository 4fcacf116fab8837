"""Changes of entities and readings, kept until everybody concerned has reacted."""

from alembic import op

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # What leads from a change to the operation that it was.
    "ALTER TABLE entity_operations ADD COLUMN version bigint",
    """
    CREATE TABLE change_listeners (
        org_id text NOT NULL REFERENCES organisations,
        consumer text NOT NULL,
        PRIMARY KEY (org_id, consumer)
    )
    """,
    # A row for each time that what listens was configured otherwise. Rows are only added, and are
    # gone after a day: nobody waits for anybody.
    "CREATE SEQUENCE listener_changes_seq AS bigint CACHE 1",
    """
    CREATE TABLE listener_changes (
        org_id text NOT NULL,
        seq bigint NOT NULL DEFAULT nextval('listener_changes_seq'),
        changed_at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (org_id, seq)
    )
    """,
    "CREATE SEQUENCE domain_changes_seq AS bigint CACHE 1",
    # Rows stay for milliseconds. Those that nobody could take have a `fault`, and stay until
    # somebody looks at them.
    """
    CREATE TABLE domain_changes (
        org_id text NOT NULL,
        seq bigint NOT NULL DEFAULT nextval('domain_changes_seq'),
        kind text NOT NULL,
        schema text NOT NULL,
        subject_id uuid NOT NULL,
        version bigint NOT NULL,
        activity_id text,
        created_at timestamptz NOT NULL,
        reading json,
        fault text,
        PRIMARY KEY (org_id, seq)
    ) WITH (autovacuum_vacuum_scale_factor = 0.01, autovacuum_vacuum_threshold = 1000)
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
