"""The audit log, which the database lets nobody change."""

from alembic import op

revision = "0007"
down_revision = "0006"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    # `before` and `after` are `json`, not `jsonb`: they are shown as they were, and never queried
    # by what is in them. `changes` is filled only where the two were too large to be kept.
    """
    CREATE TABLE audit_log (
        org_id text NOT NULL,
        at timestamptz NOT NULL,
        id text NOT NULL,
        actor_kind text NOT NULL,
        actor_id text NOT NULL,
        actor_name text NOT NULL,
        source_ip text,
        request_id text,
        action text NOT NULL,
        target_type text NOT NULL,
        target_id text NOT NULL,
        before json,
        after json,
        changes json,
        left_out text,
        PRIMARY KEY (org_id, at, id)
    ) PARTITION BY RANGE (at)
    """,
    "CREATE INDEX audit_log_target ON audit_log (org_id, target_type, target_id, at, id)",
    "CREATE INDEX audit_log_actor ON audit_log (org_id, actor_id, at, id)",
    "CREATE INDEX audit_log_action ON audit_log (org_id, action, at, id)",
    "CREATE INDEX audit_log_request ON audit_log (org_id, request_id) WHERE request_id IS NOT NULL",
    """
    CREATE FUNCTION tieline_append_only() RETURNS trigger LANGUAGE plpgsql AS $$
    BEGIN
        RAISE EXCEPTION 'Rows of % are only ever added: % is refused.', TG_TABLE_NAME, TG_OP
            USING ERRCODE = 'insufficient_privilege',
            HINT = 'Retention removes whole partitions when their time is over.';
    END
    $$
    """,
    # For each row, since only such triggers are handed down to partitions; what holds for TRUNCATE
    # is said once per partition, when that is made.
    "CREATE TRIGGER append_only BEFORE UPDATE OR DELETE ON audit_log "
    "FOR EACH ROW EXECUTE FUNCTION tieline_append_only()",
    "CREATE TRIGGER append_only_whole BEFORE TRUNCATE ON audit_log "
    "FOR EACH STATEMENT EXECUTE FUNCTION tieline_append_only()",
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
