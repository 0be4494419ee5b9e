"""The wiring of notifications."""

from services.notifications.compose import Composer
from services.notifications.handlers import Handlers
from services.notifications.outbox import Outbox
from services.notifications.refusals import Refusals
from services.notifications.sender import Relay, Sender, Teller
from services.notifications.teams import Teams
from shared.links import Links
from shared.process import run
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_EVENTS, LEAD_EVENTS, MAIL_CHOICES, MATCHES, PARTNERS, REQUESTS, SIGN_INS

WORKERS = 2


def build(service: Service) -> None:
    settings, clock = service.settings, service.clock
    outbox, refusals = Outbox(service.database), Refusals(service.database)
    handlers = Handlers(outbox, Teams(service.database), clock, settings.sign_in_minutes)
    service.prepares(outbox.prepare)
    service.hears("notifications.partners", [PARTNERS], handlers.on_partners)
    service.hears("notifications.requests", [REQUESTS], handlers.on_requests)
    service.hears("notifications.matches", [MATCHES], handlers.on_matches)
    service.hears("notifications.jobs", [JOB_EVENTS], handlers.on_jobs)
    service.hears("notifications.leads", [LEAD_EVENTS], handlers.on_leads)
    service.hears("notifications.sign-ins", [SIGN_INS], handlers.on_sign_ins)
    service.hears("notifications.choices", [MAIL_CHOICES], refusals.learn)

    composer = Composer(settings, Links(settings))
    relay = Relay(settings.smtp_url.get_secret_value())
    for number in range(WORKERS):
        sender = Sender(outbox, composer, relay, refusals, clock, service.metrics, service.stopping)
        service.repeats(f"sender-{number}", sender.tick, every=0.2)
    service.repeats("teller", Teller(outbox, service.publisher, clock).tick, every=1.0)


def main() -> None:
    run("notifications", build, Settings())


if __name__ == "__main__":
    main()
