"""What goes wrong in every real landscape, one kind after the other."""

from __future__ import annotations

from tieline.demo import documents
from tieline.demo.models import Ending, Status
from tieline.demo.population import Account, DeliveryPoint, Partner
from tieline.demo.senders import Sender

MALFORMED = Ending(Status.ERROR, "MALFORMED_PAYLOAD")
MISSING_ID = Ending(Status.ERROR, "MISSING_UNIQUE_IDENTIFIERS")
EXPRESSION_FAILED = Ending(Status.ERROR, "MAPPING_EXPRESSION_FAILED")
AMBIGUOUS = Ending(Status.ERROR, "UNIQUE_ID_MULTIPLE_MATCHES")
DUPLICATE = Ending(Status.SKIPPED, "DUPLICATE_EVENT")
UNKNOWN_EVENT = Ending(Status.SKIPPED, "EVENT_NOT_CONFIGURED")
SWITCHED_OFF = Ending(Status.SKIPPED, "USE_CASE_DISABLED")
RESTORED = Ending(Status.WARNING, "SOFT_DELETED_ENTITY_MATCHED")


def truncated_json(sender: Sender, account: Account) -> None:
    """A message that a network device cut off."""
    text = documents.contract_account(account)
    sender.send({"use_case_slug": "contract_account"}, text[: len(text) // 2], ending=MALFORMED)


def without_number(sender: Sender, partner: Partner) -> None:
    """A partner whose number the CRM had not assigned yet."""
    payload = documents.business_partner(partner, sender.next_id)
    del payload["partner"]["number"]
    sender.send({"event_name": "BusinessPartner"}, payload, ending=MISSING_ID)


def unreadable_year(sender: Sender, partner: Partner) -> None:
    """A date field that holds a remark: the expression that wants a year cannot work."""
    payload = documents.business_partner(partner, sender.next_id)
    payload["partner"]["customerSince"] = "unbekannt"
    sender.send({"event_name": "BusinessPartner"}, payload, ending=EXPRESSION_FAILED)


def ambiguous_consent(sender: Sender, partner: Partner) -> None:
    """A newsletter subscription from an address that two people share."""
    sender.send(
        {"use_case_slug": "marketing_consent"},
        {
            "emailAddress": partner.email,
            "channel": "newsletter",
            "grantedAt": "2026-01-05T08:00:00Z",
        },
        ending=AMBIGUOUS,
    )


def unclosed_xml(sender: Sender, point: DeliveryPoint) -> None:
    """An IDoc whose end is missing."""
    text = documents.delivery_points([point], 9_999).removesuffix("</ZISU_POD01>")
    sender.send({"event_name": "DeliveryPoint"}, text, ending=MALFORMED, xml=True)


def xml_with_entities(sender: Sender) -> None:
    """A document that wants a file of the server to be read; entities are refused."""
    text = (
        '<!DOCTYPE d [<!ENTITY secret SYSTEM "file:///etc/hostname">]>'
        "<ZISU_POD01><IDOC><E1POD><EXT_UI>&secret;</EXT_UI></E1POD></IDOC></ZISU_POD01>"
    )
    sender.send({"event_name": "DeliveryPoint"}, text, ending=MALFORMED, xml=True)


def unknown_event(sender: Sender, number: int) -> None:
    """A kind of message that nobody configured."""
    sender.send({"event_name": "WorkItem"}, {"workItem": number}, ending=UNKNOWN_EVENT)


def dunning_notice(sender: Sender, account: Account) -> None:
    """A kind of message whose use case is switched off."""
    sender.send(
        {"use_case_slug": "dunning_notice"},
        {"accountNumber": account.number, "level": 2},
        ending=SWITCHED_OFF,
    )
