"""Webhook configurations: what the two views of a webhook have between them."""

from alembic import op

revision = "0015"
down_revision = "0014"
branch_labels = None
depends_on = None

STATEMENTS: tuple[str, ...] = (
    """
    ALTER TABLE webhooks
        ADD COLUMN http_method text NOT NULL DEFAULT 'POST',
        ADD COLUMN auth json NOT NULL DEFAULT '{"authType": "NONE"}',
        ADD COLUMN filter json,
        ADD COLUMN filter_conditions json,
        ADD COLUMN jsonata_expression text,
        ADD COLUMN payload_configuration json NOT NULL DEFAULT '{
            "hydrate_entity": false, "include_relations": false,
            "include_activity": false, "include_changed_attributes": false
        }',
        ADD COLUMN ordered boolean NOT NULL DEFAULT false,
        ADD COLUMN max_concurrency bigint NOT NULL DEFAULT 10,
        ADD COLUMN rate_limit_per_second double precision,
        ADD COLUMN transport text NOT NULL DEFAULT 'push',
        ADD COLUMN protected boolean NOT NULL DEFAULT false,
        ADD COLUMN enable_static_ip boolean NOT NULL DEFAULT false,
        ADD COLUMN secure_proxy json,
        ADD COLUMN manifest text[] NOT NULL DEFAULT '{}',
        ADD COLUMN disabled_reason text
    """,
    # Webhooks that are there already want to hear of events from now on.
    """
    INSERT INTO change_listeners (org_id, consumer)
    SELECT DISTINCT org_id, 'catalogue' FROM webhooks
    WHERE direction = 'outbound' AND enabled AND NOT is_deleted
    ON CONFLICT DO NOTHING
    """,
    # The key with which all messages of an organisation are signed. Its private part is where all
    # secrets are.
    """
    CREATE TABLE webhook_signing_keys (
        org_id text NOT NULL REFERENCES organisations,
        public_key text NOT NULL,
        created_at timestamptz NOT NULL,
        PRIMARY KEY (org_id)
    )
    """,
)


def upgrade() -> None:
    for statement in STATEMENTS:
        op.execute(statement)


def downgrade() -> None:
    raise RuntimeError("A migration is not undone. Restore a backup instead.")
