"""The files of conversations, wired: stored, bounded, scanned and tidied."""

from services.gateway.attachments import Attachments, Quotas
from services.gateway.scanning import Scanning, scanner_of
from shared.files import GridFiles
from shared.service import Service


def attachments_of(service: Service) -> Attachments:
    """Raises ValueError for a scanner's address that is none."""
    database, clock, settings = service.database, service.clock, service.settings
    files, scanner = GridFiles(database, "attachments", clock), scanner_of(settings.scanner_url)
    attachments = Attachments(files, database, clock, Quotas.of(settings), scans=scanner is not None)
    service.prepares(files.prepare)
    service.repeats("attachments", attachments.tidy, every=600)
    if scanner:
        service.repeats("scanning", Scanning(files, scanner, clock, service.security).tick, every=2.0)
    return attachments
