"""The metric catalogue: every number Jobwire exports, with its meaning. Never an id as a label."""

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

_LATENCIES = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)


class Metrics:
    """One process's metrics. A registry of its own, so that several services can live in one test."""

    def __init__(self, service: str) -> None:
        self.service = service
        self.registry = CollectorRegistry()
        r = self.registry
        self.records = Counter("jobwire_records_total", "Records handled to the end.", ["group", "topic"], registry=r)
        self.dead_letters = Counter(
            "jobwire_dead_letters_total", "Records put aside, by reason.", ["group", "reason"], registry=r
        )
        self.parked_records = Counter(
            "jobwire_parked_records_total",
            "Records parked until a release handles them that can read them, by reason.",
            ["group", "reason"],
            registry=r,
        )
        self.parked = Gauge(
            "jobwire_parked_aggregates", "Aggregates whose records wait for such a release.", ["group"], registry=r
        )
        self.retries = Counter(
            "jobwire_retries_total",
            "Batches tried again because Kafka, MongoDB or SMTP was away.",
            ["group"],
            registry=r,
        )
        self.bugs = Counter("jobwire_bugs_total", "Records that broke their handler.", ["group"], registry=r)
        self.batch_seconds = Histogram(
            "jobwire_batch_seconds",
            "From fetched until it may be committed.",
            ["group"],
            registry=r,
            buckets=_LATENCIES,
        )
        self.commands = Counter(
            "jobwire_commands_total",
            "Commands answered: applied, rejected, or repeated (met before, answered from memory).",
            ["aggregate", "outcome"],
            registry=r,
        )
        self.lost_races = Counter(
            "jobwire_lost_races_total",
            "Writes that another owner of the partition did first.",
            ["aggregate"],
            registry=r,
        )
        self.lag = Gauge(
            "jobwire_consumer_lag_records",
            "Records in the log that this group has not handled yet.",
            ["group", "topic", "partition"],
            registry=r,
        )
        self.command_seconds = Histogram(
            "jobwire_command_seconds", "From HTTP to the owner's answer.", registry=r, buckets=_LATENCIES
        )
        self.unanswered = Counter("jobwire_commands_unanswered_total", "Commands that got a 202.", registry=r)
        self.mails = Counter(
            "jobwire_mails_total", "Mails by template and what became of them.", ["template", "result"], registry=r
        )
        self.old_records = Counter(
            "jobwire_old_records_total", "Records that were too old to mail anybody about.", ["topic"], registry=r
        )
        self.relay_answers = Counter(
            "jobwire_relay_answers_total",
            "Refusals of the mail server, by whom or what they speak of.",
            ["verdict"],
            registry=r,
        )
        self.relay_paused = Gauge(
            "jobwire_relay_paused", "1 while no mail is sent: the mail server is away, or refuses us.", registry=r
        )
        self.forms = Counter(
            "jobwire_forms_total",
            "Requests that came in, by kind and what became of them: taken, same_again, invalid, trap, too_fast, "
            "stale, limited_(address, network, overall), try_again.",
            ["kind", "result"],
            registry=r,
        )
        self.connections = Gauge("jobwire_connections", "Open connections of clients.", registry=r)
        self.connections_dropped = Counter(
            "jobwire_connections_dropped_total",
            "Connections that we ended: idle, late_head, long_head, slow_body, unread, bad_request; full and network "
            "(more than one process or one network may have: who kept us waiting longest makes room).",
            ["reason"],
            registry=r,
        )
        self.unshown = Counter(
            "jobwire_unshown_total",
            "What the directory could not show: a card or a review is left out, a profile answers 503.",
            ["what"],
            registry=r,
        )
        self.security_events = Counter(
            "jobwire_security_events_total",
            "Events of `shared/security_events.py`: sign-ins, refusals, changes of rights, operators' acts.",
            ["event"],
            registry=r,
        )
        self.market = Gauge("jobwire_market_partners", "Partners that matching can choose from.", registry=r)
        self.sse_clients = Gauge("jobwire_sse_clients", "Open live connections.", registry=r)
        self.sse_resets = Counter(
            "jobwire_sse_resets_total",
            "Live connections that were told to load again: slow (it reads too slowly), cursor (away too long, or this "
            "replica knows too little), log (the topic was made anew).",
            ["reason"],
            registry=r,
        )
        self.timers_late_seconds = Gauge(
            "jobwire_timers_late_seconds", "Age of the oldest timer that is due and not yet handled.", registry=r
        )
