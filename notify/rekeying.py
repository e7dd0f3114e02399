"""The sealed column of people's browsers, for `hoichan book rekey`."""

from __future__ import annotations

from foundation.rekeying import Sealed
from notify.subscriptions import address_place
from notify.tables import push_subscriptions

SEALED = (Sealed(push_subscriptions.c.sealed, lambda row: address_place(row.id)),)
