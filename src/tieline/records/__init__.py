"""What applications, connectors, webhooks and keys have in common as stored records.

A record is a frozen dataclass that extends `Envelope`. A `RecordTable` derives its columns from the
annotations of that dataclass; everything else here works on any such table: storing with an
optimistic version, soft deletion, and lists with filters, search, order and cursor.
"""
