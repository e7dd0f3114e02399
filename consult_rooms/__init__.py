"""The consult from request to close: ladder, claim, room, chat, opinion, slots, and its own log."""
