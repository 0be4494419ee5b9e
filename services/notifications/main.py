"""The wiring of notifications."""

from datetime import timedelta

from services.notifications.compose import Composer
from services.notifications.current import Current
from services.notifications.handlers import Handlers
from services.notifications.outbox import Outbox
from services.notifications.refusals import Refusals
from services.notifications.relay import Breaker, Relay
from services.notifications.retention import Retention
from services.notifications.sender import Desk, Sender
from services.notifications.teams import Teams
from services.notifications.teller import Teller
from shared.links import Links
from shared.process import run
from shared.service import Service
from shared.settings import Settings
from shared.topics import JOB_EVENTS, LEAD_EVENTS, MAIL_CHOICES, MATCHES, PARTNERS, REQUESTS, SIGN_INS, SUSPENSIONS


class NotificationsSettings(Settings):
    ops_port: int = 9104


def build(service: Service) -> None:
    settings, clock, database = service.settings, service.clock, service.database
    outbox, refusals, teams = Outbox(database), Refusals(database), Teams(database)
    current = Current(database, teams)
    handlers = Handlers(
        outbox,
        teams,
        current,
        clock,
        service.metrics,
        refusals=refusals,
        sign_in_minutes=settings.sign_in_minutes,
        contact=settings.contact,
        news_for=timedelta(days=settings.mail_news_days),
    )
    service.prepares(outbox.prepare)
    service.hears("notifications.partners", [PARTNERS], handlers.on_partners)
    service.hears("notifications.requests", [REQUESTS], handlers.on_requests)
    service.hears("notifications.matches", [MATCHES], handlers.on_matches)
    service.hears("notifications.jobs", [JOB_EVENTS], handlers.on_jobs)
    service.hears("notifications.leads", [LEAD_EVENTS], handlers.on_leads)
    service.hears("notifications.sign-ins", [SIGN_INS], handlers.on_sign_ins)
    service.hears("notifications.choices", [MAIL_CHOICES], refusals.learn)
    service.hears("notifications.suspensions", [SUSPENSIONS], handlers.on_people)

    composer, relay = Composer(settings, Links(settings)), Relay(settings.smtp_url.get_secret_value())
    desk = Desk(outbox, current, refusals, composer, relay, clock, service.metrics, service.stopping)
    for number in range(settings.mail_workers):
        # A quarter of them is kept free, so that no sign-in waits behind a thousand conversations.
        urgent_only = number < settings.mail_workers // 4
        sender = Sender(desk, Breaker(database["relay"], service.metrics), urgent_only=urgent_only)
        service.repeats(f"sender-{number}", sender.tick, every=0.2)
    service.repeats("teller", Teller(outbox, service.publisher, clock).tick, every=1.0)
    retention = Retention(database, settings, clock)
    service.prepares(retention.prepare)
    service.repeats("retention", retention.tick, every=60.0)


def main() -> None:
    run("notifications", build, NotificationsSettings())


if __name__ == "__main__":
    main()
