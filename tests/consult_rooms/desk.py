"""The services of written cases over a world, as `hoichan.wiring` builds them."""

from __future__ import annotations

from pathlib import Path

from consult_rooms.attachments import Attachments
from consult_rooms.desk import Desk
from consult_rooms.drafts import Drafts
from consult_rooms.thread import Threads
from consult_rooms.uploads import Bounds, Uploads
from consult_rooms.writing import Writing
from consult_rooms.written import WrittenCases
from foundation.audit import Audit
from foundation.files import Files
from foundation.segments import Segments
from tests.consult_rooms.conftest import ZONE, World


def written_of(world: World) -> WrittenCases:
    """Written cases without their files."""
    writing, audit = Writing(world.log), Audit(world.database)
    return WrittenCases(world.database, world.store, world.log, world.directory, world.runner, writing, audit, ZONE)


def desk_of(world: World, folder: Path, limits: Bounds | None = None) -> Desk:
    """Everything real, its files in that folder."""
    database, store, log, directory = world.database, world.store, world.log, world.directory
    audit, files, segments = Audit(database), Files(folder, store.sealer), Segments(folder, store.sealer)
    uploads = Uploads(database, store, audit, segments, limits)
    attachments = Attachments(database, store, log, audit, files, segments, uploads)
    return Desk(
        written_of(world),
        Threads(database, store, log, directory, attachments),
        uploads,
        attachments,
        Drafts(database, store),
    )
