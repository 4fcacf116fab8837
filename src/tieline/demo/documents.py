"""The messages themselves: JSON as a CRM and a billing program send it, XML like an SAP IDoc."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from xml.sax.saxutils import escape

from tieline.demo.population import (
    COMPANY_CODE,
    PERSON,
    Account,
    Contract,
    DeliveryPoint,
    Household,
    Meter,
    Partner,
)
from tieline.kit import json


def business_partner(partner: Partner, message_id: str) -> dict[str, Any]:
    """The CRM's message about a partner, sent as a JSON object."""
    body: dict[str, Any] = {
        "number": partner.number,
        "category": partner.category,
        "customerSince": partner.customer_since,
        "creditRating": "B",
        "loyalty": partner.loyal,
        "emails": [{"address": partner.email, "purpose": "contract"}],
        "phones": [{"number": partner.phone}],
        "addresses": [
            {
                "street": partner.address.street,
                "houseNumber": partner.address.house_number,
                "postalCode": partner.address.postal_code,
                "city": partner.address.city,
            }
        ],
    }
    if partner.category == PERSON:
        body |= {
            "salutation": partner.salutation,
            "firstName": partner.first_name,
            "lastName": partner.last_name,
        }
        if partner.birth_date is not None:
            body["birthDate"] = partner.birth_date
    else:
        body |= {"organisationName": partner.firm, "legalForm": partner.legal_form}
    return {"messageId": message_id, "partner": body}


def contract_account(account: Account) -> str:
    """The billing program's message about an account: JSON as text, so that no digit is lost."""
    return json.dumps_str(
        {
            "accountNumber": account.number,
            "partnerNumber": account.partner.number,
            "partnerCategory": account.partner.category,
            "iban": account.iban,
            "paymentMethod": account.payment_method,
            "openBalance": account.balance,
            "documentNumber": account.document_number,
        }
    )


def contracts(household: Household, chosen: Sequence[Contract]) -> dict[str, Any]:
    """The billing program's message about contracts of one account."""
    return {
        "companyCode": COMPANY_CODE,
        "account": household.account.number,
        "contracts": [
            {
                "number": contract.number,
                "division": contract.division,
                "tariff": contract.tariff,
                "start": contract.start,
                "consumption": contract.consumption,
                "deliveryPoint": contract.delivery_point,
            }
            for contract in chosen
        ],
    }


def delivery_points(points: Sequence[DeliveryPoint], document: int) -> str:
    """An IDoc with one segment per delivery point."""
    return _idoc("ZISU_POD01", document, "".join(_point_segment(point) for point in points))


def devices(meters: Sequence[Meter], document: int) -> str:
    """An IDoc with one segment per meter, each with a segment per register."""
    return _idoc("ZISU_DEVICE01", document, "".join(_meter_segment(meter) for meter in meters))


def _point_segment(point: DeliveryPoint) -> str:
    address = _segment(
        "E1ADDR",
        _element("STREET", point.address.street)
        + _element("HOUSE_NUM1", point.address.house_number)
        + _element("POST_CODE1", point.address.postal_code)
        + _element("CITY1", point.address.city),
    )
    return _segment(
        "E1POD", _element("EXT_UI", point.malo) + _element("SPEBENE", point.voltage) + address
    )


def _meter_segment(meter: Meter) -> str:
    registers = "".join(
        _segment("E1EGERR", _element("KENNZIFF", obis) + _element("ZWART", kind))
        for obis, kind in meter.registers
    )
    return _segment(
        "E1EQUI",
        _element("SERNR", meter.number)
        + _element("EXT_UI", meter.delivery_point)
        + _element("BAUJJ", str(meter.built))
        + _element("ANZPHASEN", str(meter.phases))
        + registers,
    )


def _idoc(root: str, document: int, segments: str) -> str:
    control = _segment("EDI_DC40", _element("DOCNUM", f"{document:016d}"))
    return (
        '<?xml version="1.0" encoding="UTF-8"?>'
        f'<{root}><IDOC BEGIN="1">{control}{segments}</IDOC></{root}>'
    )


def _segment(name: str, content: str) -> str:
    return f'<{name} SEGMENT="1">{content}</{name}>'


def _element(name: str, text: str) -> str:
    return f"<{name}>{escape(text)}</{name}>"
