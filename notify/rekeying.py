"""The sealed columns of people's browsers and addresses, for `hoichan book rekey`."""

from __future__ import annotations

from foundation.rekeying import Sealed
from notify.contacts import mail_place, mobile_place
from notify.outbox_tables import contacts
from notify.subscriptions import address_place
from notify.tables import push_subscriptions

SEALED = (
    Sealed(push_subscriptions.c.sealed, lambda row: address_place(row.id)),
    Sealed(contacts.c.mail_sealed, lambda row: mail_place(row.staff_id)),
    Sealed(contacts.c.mobile_sealed, lambda row: mobile_place(row.staff_id)),
)
