"""The service of the configuration files, and files with everything that can be configured."""

from __future__ import annotations

import pytest

from tieline.app import Application
from tieline.cli.configuration import all_kinds
from tieline.configuration.rehearsal import RehearsingSecretStore
from tieline.configuration.service import ConfigurationService


@pytest.fixture
def configuration(application: Application) -> ConfigurationService:
    """The service as a command has it, on the application's database."""
    use = application.services
    secrets = RehearsingSecretStore(use.secrets)
    kinds = all_kinds(use.settings, use.database, use.mapper, secrets, "from files")
    return ConfigurationService(use.database, kinds, secrets)


EVERYTHING = """\
tieline: 1
environment_groups:
  - {name: ERP, description: What the ERP needs}
environment_variables:
  - {key: erp.token, type: SecretString, description: Its token, group: ERP}
  - {key: erp.url, group: Others, protected: true}
applications:
  - slug: billing
    id: app_01M83HPWJTFGSA26Z5GWGX6KYE
    display_name: Billing
    kind: platform-service
    canonical_owner_of: [invoice, bill]
connectors:
  - name: jira
    id: cnn_01M83HPWJXE84RWAEPT86E79DS
    type: tickets
    scope: user
    user_id: usr-1
    vault_path: connectors/jira
    config: {z: 1, a: {rate: 0.10, big: 12345678901234567890123}, token: "{{env.erp.token}}"}
    webhook_endpoint_id: whk_01M83HPWJZE04TSN003MPA8E7H
    application_id: app_01M83HPWJTFGSA26Z5GWGX6KYE
webhooks:
  - name: orders
    id: whk_01M83HPWJZE04TSN003MPA8E7H
    url: https://example.com/hook
    event_types: [order.created]
    headers: {X-Api-Key: "{{env.erp.token}}"}
    retry_policy: {maxAttempts: 3}
    connector_id: cnn_01M83HPWJXE84RWAEPT86E79DS
    http_method: PUT
    auth:
      authType: BASIC
      basicAuthConfig: {username: erp, password: "{{env.erp.token}}"}
    filter: {keyToFilter: entity.status, supportedValues: [active]}
    filter_conditions:
      conditions: [{field: entity.amount, operation: greater_than, values: ["1"]}]
    jsonata_expression: "{'number': entity.number}"
    payload_configuration: {hydrate_entity: true}
    transport: pull
    ordered: true
    max_concurrency: 2
    rate_limit_per_second: 2.5
    enable_static_ip: true
    secure_proxy: {integration_id: 0199a1b2-0000-7000-8000-000000000001, use_case_slug: x}
    manifest: [0199a1b2-0000-7000-8000-000000000009]
    enabled: false
integrations:
  - name: ERP
    id: 0199a1b2-0000-7000-8000-000000000001
    description: "no"
    environment_config:
      - {key: erp.token, label: Token, type: SecretString, required: true, other: kept}
    settings: {autoRefresh: {enabled: true}}
    additional: {owner: {b: 1, a: 2}}
    app_mappings:
      - app_id: 11111111-1111-4111-8111-111111111111
        component_id: 22222222-2222-4222-8222-222222222222
    use_cases:
      - name: Customers
        id: 0199a1b2-0000-7000-8000-000000000002
        slug: customers
        type: inbound
        enabled: true
        configuration:
          entities:
            - entity_schema: contact
              unique_ids: [number]
              fields:
                - {attribute: number, field: id}
                - attribute: name
                  jsonataExpression: |
                    first & ' ' &
                      last
                - {attribute: big, constant: 12345678901234567890.50}
        samples:
          - name: a person
            payload: {id: 7, first: Anna, last: "Schmidt\\twith a tab"}
            expected:
              entity_updates:
                - entity_slug: contact
                  unique_identifiers: {number: 7}
                  attributes: {number: 7, name: "Anna Schmidt\\twith a tab"}
          - name: nobody
            format: xml
            event_type: DELETE
            payload: "<a>\\r\\n</a>"
            expected: {error: MISSING_UNIQUE_IDENTIFIERS}
      - name: Contracts out
        type: outbound
        enabled: false
        configuration:
          event_catalog_event: contract.created
          mappings:
            - name: to ERP
              jsonata_expression: $
              enabled: true
              delivery: {type: webhook, webhook_id: w, webhook_url: "https://e.example"}
      - name: Documents
        slug: documents
        type: file_proxy
        enabled: true
        configuration:
          auth:
            type: oauth2_client_credentials
            token_url: https://e.example/token
            client_id: me
            client_secret: "{{env.erp.token}}"
          steps:
            - url: "https://e.example/{{params.id}}"
              method: GET
              response_type: json
              headers: {Authorization: "Bearer {{steps.0.body.token}}"}
          response: {body: "steps[0].body", encoding: binary}
"""
