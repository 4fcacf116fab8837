"""The integration of the demo: one use case per kind of message, as a user would write them.

Together they show what a mapping can do: pre-processing, fan-out, conditions, JSONPath, the whole
payload as `$$`, constants, array operations, several unique ids, all modes, and static and dynamic
relations. Read them beside `docs/mapping.md`.
"""

from __future__ import annotations

from typing import Any

INTEGRATION_NAME = "Stadtwerke Musterstadt"

_POINT = "ZISU_POD01.IDOC.E1POD"
_DEVICE = "ZISU_DEVICE01.IDOC.E1EQUI"


def use_cases() -> list[dict[str, Any]]:
    """Every use case of the demo, in the form that `POST /v2/integrations` takes."""
    return [
        _inbound("business_partner", "BusinessPartner", [_person(), _organisation()]),
        _inbound("marketing_consent", "MarketingConsent", [_consent()]),
        _inbound("partner_erasure", "PartnerErasure", _erasure()),
        _inbound("contract_account", "ContractAccount", [_contract_account()]),
        _inbound("contract", "Contract", [_contract()]),
        _inbound("contract_end", "ContractEnd", [_contract_end()]),
        _inbound("delivery_point", "DeliveryPoint", [_delivery_point()]),
        _inbound("device", "Device", [_meter(), _meter_counter()]),
        _inbound("dunning_notice", "DunningNotice", [_dunning_notice()], enabled=False),
    ]


def _inbound(
    slug: str, name: str, entities: list[dict[str, Any]], *, enabled: bool = True
) -> dict[str, Any]:
    return {
        "type": "inbound",
        "slug": slug,
        "name": name,
        "enabled": enabled,
        "change_description": "Created by the demo.",
        "configuration": {"entities": entities},
    }


def _copy(attribute: str, field: str, **more: Any) -> dict[str, Any]:
    return {"attribute": attribute, "field": field, **more}


def _compute(attribute: str, expression: str, **more: Any) -> dict[str, Any]:
    return {"attribute": attribute, "jsonataExpression": expression, **more}


def _person() -> dict[str, Any]:
    return {
        "entity_schema": "contact",
        "jsonataExpression": "partner",
        "enabled": 'category = "1"',
        "unique_ids": ["customer_number"],
        "fields": [
            _copy("customer_number", "number"),
            _compute("salutation", '$lookup({"0001": "Ms.", "0002": "Mr."}, salutation)'),
            _copy("first_name", "firstName"),
            _copy("last_name", "lastName"),
            _copy("birthdate", "birthDate", enabled="$exists(birthDate)"),
            _compute("customer_since", "$number($substring(customerSince, 0, 4))"),
            # Sent by the CRM, never stored: a disabled field is not even read.
            _copy("credit_rating", "creditRating", enabled=False),
            *_reachability(),
        ],
    }


def _organisation() -> dict[str, Any]:
    return {
        "entity_schema": "account",
        "jsonataExpression": "partner",
        "enabled": 'category = "2"',
        "unique_ids": ["customer_number"],
        "fields": [
            _copy("customer_number", "number"),
            _compute("name", 'organisationName & ", " & legalForm'),
            *_reachability(),
        ],
    }


def _reachability() -> list[dict[str, Any]]:
    address = (
        '{"_set": [addresses.{"street": street, "street_number": houseNumber,'
        ' "postal_code": postalCode, "city": city, "country": "DE"}]}'
    )
    return [
        _copy("email", "$.emails[0].address", _type="email"),
        _compute("phone", "phones[0].number", _type="phone"),
        _compute("address", address),
        _compute("_tags", '{"_append": ["customer", loyalty = true ? "loyal"]}'),
        {"attribute": "source", "constant": "ERP"},
        _copy("last_message", "$$.messageId"),
    ]


def _consent() -> dict[str, Any]:
    entry = '{"_append_all": [{"channel": channel, "granted_at": grantedAt}]}'
    return {
        "entity_schema": "contact",
        "unique_ids": ["email"],
        "fields": [
            _copy("email", "emailAddress", _type="email"),
            _compute("consent_history", entry),
            _compute("_tags", '{"_append": ["newsletter"]}'),
        ],
    }


def _erasure() -> list[dict[str, Any]]:
    return [
        {
            "entity_schema": schema,
            "mode": "purge",
            "enabled": f'category = "{category}"',
            "unique_ids": ["customer_number"],
            "fields": [_copy("customer_number", "number")],
        }
        for schema, category in (("contact", "1"), ("account", "2"))
    ]


def _contract_account() -> dict[str, Any]:
    # The target's schema depends on the payload, so the relation is computed as a whole.
    customer = """[{
        "entity_schema": partnerCategory = "2" ? "account" : "contact",
        "_tags": ["PRIMARY"],
        "unique_ids": [{"attribute": "customer_number", "constant": partnerNumber}]
    }]"""
    methods = '{"D": "direct_debit", "U": "bank_transfer"}'
    return {
        "entity_schema": "billing_account",
        "unique_ids": ["external_id"],
        "fields": [
            _copy("external_id", "accountNumber"),
            _compute("iban", '$replace(iban, " ", "")'),
            _compute("payment_method", f"$lookup({methods}, paymentMethod)"),
            # Copied, not computed: an expression would round both to a double.
            _copy("balance", "openBalance"),
            _copy("document_number", "documentNumber"),
            {"attribute": "currency", "constant": "EUR"},
            {
                "attribute": "customer",
                "relations": {"operation": "_set", "jsonataExpression": customer},
            },
        ],
    }


def _contract() -> dict[str, Any]:
    divisions = '{"01": "power", "02": "gas"}'
    return {
        "entity_schema": "contract",
        "jsonataExpression": "contracts",
        "unique_ids": ["contract_number", "company_code"],
        "fields": [
            _copy("contract_number", "number"),
            _copy("company_code", "$$.companyCode"),
            _compute("division", f"$lookup({divisions}, division)"),
            _copy("tariff", "tariff"),
            _copy("start_date", "start"),
            _copy("yearly_consumption", "consumption"),
            {
                "attribute": "billing_account",
                "relations": {
                    "operation": "_set",
                    "items": [
                        _target("billing_account", _compute("external_id", "$$.account"), "PAYER")
                    ],
                },
            },
            {
                "attribute": "delivery_points",
                "relations": {
                    "operation": "_append",
                    "items": [_target("delivery_point", _copy("malo_id", "deliveryPoint"))],
                },
            },
        ],
    }


def _target(schema: str, unique_id: dict[str, Any], *tags: str) -> dict[str, Any]:
    target: dict[str, Any] = {"entity_schema": schema, "unique_ids": [unique_id]}
    return {**target, "_tags": list(tags)} if tags else target


def _contract_end() -> dict[str, Any]:
    return {
        "entity_schema": "contract",
        "mode": "delete",
        "unique_ids": ["contract_number", "company_code"],
        "fields": [_copy("contract_number", "number"), _copy("company_code", "companyCode")],
    }


def _delivery_point() -> dict[str, Any]:
    # XML text that reads as a number becomes one, 50667 as well as 51238696780: ids and postal
    # codes are turned back into text.
    point = f"""{_POINT}.{{
        "malo": $string(EXT_UI), "voltage": SPEBENE, "street": E1ADDR.STREET,
        "house": $string(E1ADDR.HOUSE_NUM1), "zip": $string(E1ADDR.POST_CODE1),
        "city": E1ADDR.CITY1
    }}"""
    address = """[{"street": street, "street_number": house, "postal_code": zip,
        "city": city, "country": "DE"}]"""
    return {
        "entity_schema": "delivery_point",
        "jsonataExpression": point,
        "unique_ids": ["malo_id"],
        "fields": [
            _copy("malo_id", "malo"),
            _compute("voltage_level", '$lookup({"NS": "low", "MS": "medium"}, voltage)'),
            _compute("address", address),
            _compute("grid_document", "$string($$.ZISU_POD01.IDOC.EDI_DC40.DOCNUM)"),
            {"attribute": "country", "constant": {"code": "DE", "name": "Deutschland"}},
        ],
    }


def _meter() -> dict[str, Any]:
    meters = f"""{_DEVICE}.{{
        "number": SERNR, "malo": $string(EXT_UI), "built": BAUJJ, "phases": ANZPHASEN
    }}"""
    return {
        "entity_schema": "meter",
        "jsonataExpression": meters,
        "enabled": "$count($) > 0",
        "unique_ids": ["meter_number"],
        "fields": [
            _copy("meter_number", "number"),
            _copy("year_of_manufacture", "built"),
            _copy("phases", "phases"),
            {
                "attribute": "delivery_point",
                "relations": {
                    "operation": "_set",
                    "items": [_target("delivery_point", _copy("malo_id", "malo"), "MEASURED")],
                },
            },
        ],
    }


def _meter_counter() -> dict[str, Any]:
    counters = f"""{_DEVICE}.(
        $meter := SERNR;
        E1EGERR.{{"meter": $meter, "obis": KENNZIFF, "direction": ZWART}}
    )"""
    return {
        "entity_schema": "meter_counter",
        "jsonataExpression": counters,
        "unique_ids": ["meter_number", "obis_number"],
        "fields": [
            _copy("meter_number", "meter"),
            _copy("obis_number", "obis"),
            _compute("direction", 'direction = "E" ? "feed-in" : "feed-out"'),
            {
                "attribute": "meter",
                "relations": {
                    "operation": "_append",
                    "items": [_target("meter", _copy("meter_number", "meter"))],
                },
            },
        ],
    }


def _dunning_notice() -> dict[str, Any]:
    return {
        "entity_schema": "billing_account",
        "unique_ids": ["external_id"],
        "fields": [_copy("external_id", "accountNumber"), _copy("dunning_level", "level")],
    }
