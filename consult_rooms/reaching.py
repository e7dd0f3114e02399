"""What a page needs of how people are reached: quiet times, browsers that are rung when closed, and the way to them."""

from __future__ import annotations

from dataclasses import dataclass

from consult_rooms.quiet import Quiet
from notify.subscriptions import Subscriptions
from notify.webpush import Pusher


@dataclass(frozen=True, slots=True)
class Reaching:
    """`pusher` is None where this installation has no key for Web Push."""

    quiet: Quiet
    subscriptions: Subscriptions
    pusher: Pusher | None
