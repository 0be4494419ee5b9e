"""Settings, from the environment. One class for what all services share; a service with more inherits from it."""

from datetime import timedelta
from urllib.parse import urlsplit

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict

from shared.topics import PARTITIONS


class Settings(BaseSettings):
    """Names as in the README: the three servers by their usual names, everything else with `JOBWIRE_` before it."""

    model_config = SettingsConfigDict(env_prefix="JOBWIRE_", extra="ignore", populate_by_name=True)

    kafka_bootstrap_servers: str = Field("127.0.0.1:9092", validation_alias="KAFKA_BOOTSTRAP_SERVERS")
    mongodb_uri: SecretStr = Field(SecretStr("mongodb://127.0.0.1:27017"), validation_alias="MONGODB_URI")
    mongodb_driver: str = Field("pymongo", validation_alias="MONGODB_DRIVER", pattern="^(pymongo|motor)$")
    smtp_url: SecretStr = Field(SecretStr("smtp://127.0.0.1:1025"), validation_alias="SMTP_URL")

    namespace: str = ""
    """Put before each topic, consumer group and database, so that several Jobwires can share one set of servers."""
    partitions: int = PARTITIONS
    replication: int = Field(1, ge=1)
    """Copies of each topic when it is made. Three on a cluster: then two must have a record before it counts."""
    secret_keys: SecretStr = SecretStr("")
    """Keys for the links in mails, comma-separated. The first signs, all are accepted: that is how a key is changed."""

    host: str = "127.0.0.1"
    port: int = 0
    public_url: str = "http://127.0.0.1:8000"
    """Where people reach the gateway; links in mails begin with it."""
    leads_url: str = "http://127.0.0.1:8001"
    """Where people reach the public pages."""

    hosts: str = ""
    """Names that requests may be for, besides those of `public_url`, `leads_url` and this machine, comma-separated:
    `*.shop.example` covers what stands below it, `*` is any name.
    """
    docs: bool = True
    """Whether `/docs` and `/openapi.json` are served."""
    ops_host: str = ""
    """Where health and metrics are served, for those who run Jobwire alone; empty: on the same address as `host`."""
    ops_port: int = Field(0, ge=0, le=65_535)
    """0: any free port, which the log names."""
    connections: int = Field(20_000, ge=10)
    """Of one process. At that many, who has kept us waiting longest makes room."""
    connections_per_network: int = Field(2_000, ge=0)
    """From one IPv4 address or one IPv6 network (/64), but for `trusted_proxies`. 0: no limit."""

    platform_url: str = "http://127.0.0.1:8090"
    """The platform that hosts the merchants' stores and grants access to them."""
    platform_token: SecretStr = SecretStr("")
    """Sent to the platform as a bearer token, when there is one."""
    store_check_private: bool = False
    """Let stores be looked at on private networks, by http and on any port: for trying it on one machine."""
    platform_ask_again_seconds: float = Field(30.0, gt=0)
    """How long to wait before asking again about a request that the platform has not decided yet."""
    platform_workers: int = Field(4, ge=1)
    """Calls of the platform that one process makes at the same time. Those of one job still come one after another."""

    live_streams: int = Field(10_000, ge=1)
    """Open event streams of one gateway process. Each takes a connection and about 35 KiB."""
    live_streams_per_session: int = Field(10, ge=1)
    """Of one signed-in session: its open pages."""

    batch_size: int = Field(256, ge=1, le=256)
    """Records per loop. Never more than the ring of remembered commands (`shared.aggregate.RING`)."""
    reply_timeout_seconds: float = 5.0
    drain_seconds: float = 20.0
    log_level: str = "INFO"
    log_format: str = Field("json", pattern="^(json|console)$")

    reply_window_seconds: int = 72 * 3600
    remind_before_seconds: tuple[int, ...] = Field((24 * 3600, 6 * 3600), max_length=20)
    undo_seconds: int = Field(8, ge=0, le=60)
    """How long a partner can take back a decline, a completion or putting a job aside."""
    lead_wave_seconds: int = Field(48 * 3600, ge=1)
    """After this long a prospect's request goes to the next partners, unless somebody is helping already."""
    partners_per_wave: int = Field(4, ge=1, le=25)
    waves: int = Field(3, ge=1, le=20)
    """Both bounded, so that a match, which names everybody who was asked, fits a record."""
    wanted_answers: int = Field(3, ge=1)
    """While fewer answers than this are likely, a merchant's request goes to further partners."""
    check_after_seconds: tuple[int, ...] = Field((24 * 3600, 48 * 3600), max_length=20)
    """So long after each wave it is looked whether enough answers are still likely; declines are looked at at once."""
    matching_weights: str = ""
    """A file of weights for matching; empty for the standard ones. `jobwire match evaluate` compares two files."""
    new_organisations: str = Field("probation", pattern="^(open|probation|approval)$")
    """What somebody's new organisation may: `open`, all that others may; `probation`, few jobs and no leads until it is
    vouched for; `approval`, nothing until it is.
    """
    probation_open_jobs: int = Field(3, ge=0)
    """How many open jobs matching leaves with an organisation on probation, at most."""
    probation_jobs_per_week: int = Field(5, ge=0)
    ops_tokens: SecretStr = SecretStr("")
    """Those who run Jobwire, each by a bearer token of their own: `name:token,name:token`. Without any, what is theirs
    cannot be asked for.
    """
    scanner_url: str = ""
    """A virus scanner for files, as `clamd://host:3310`. With one, nobody can have a file before it was found clean."""
    files_per_job_mb: int = Field(512, ge=1)
    """How many MB each side's files on one job may have together."""
    files_per_person_mb: int = Field(2_048, ge=1)
    files_per_organisation_mb: int = Field(20_480, ge=1)
    sign_in_minutes: int = Field(10, ge=1, le=60)
    """How long a link is good that somebody asked for."""
    session_hours: int = Field(12, ge=1)
    """How long a session lasts at most."""
    session_idle_minutes: int = Field(180, ge=5)
    """And how long while nobody uses it."""
    form_seconds: tuple[float, float] = (2.0, 24 * 3600.0)
    """A form is sent no sooner and no later than this after it was rendered: people need longer, and do not wait."""
    limit_address: str = "5/15minutes"
    """How many requests may come for one e-mail address, in the notation of the library `limits`. Several limits are
    separated by semicolons.
    """
    limit_network: str = "20/hour;60/day"
    """How many from one IPv4 address or one IPv6 network (/64)."""
    limit_overall: str = "600/minute"
    """How many from everybody; each store app of `app_keys` has as many for itself."""
    limits_url: SecretStr = SecretStr("")
    """Where the limits are counted: empty for the database of leads, or a `redis://` of your own (extra `redis`)."""
    limits: dict[str, str] = Field(default_factory=dict)
    """Other limits for what people do, by name: the table in `services/gateway/limits.py` has all of them."""
    trusted_proxies: str = ""
    """Networks (`10.0.0.0/8, ::1`) whose `X-Forwarded-For` is believed. Empty: the connection's address counts."""
    app_keys: SecretStr = SecretStr("")
    """Store apps that may post for their signed-in merchants: `app:secret,app:secret`. An app with two keys changes
    from one to the other.
    """
    embed_origins: str = "*"
    """Sites that may show the forms in a frame, separated by blanks, as in `frame-ancestors`."""

    mail_from: str = "Jobwire <jobs@jobwire.example>"
    contact: str = "help@jobwire.example"
    """Whom to write to who has questions about a decision of those who run Jobwire."""
    mail_news_days: float = Field(5.0, gt=0)
    """What happened longer ago mails nobody, whoever reads it again and why: a long weekend, and a day."""
    mail_workers: int = Field(8, ge=1, le=64)
    """Mails that one process of notifications sends at the same time."""
    mail_text_days: int = Field(30, ge=1)
    """So long after a mail has ended its text, names and addresses are kept."""
    mail_digest_days: int = Field(365, ge=1)
    """So long its bare id, which keeps the same mail from being sent twice; and what nobody knows the end of."""
    dead_letter_days: int = Field(365, ge=0)
    """How long a record that could not be used is kept, people's words and all; 0: for ever."""

    @property
    def known_hosts(self) -> frozenset[str]:
        """The names that requests may be for."""
        ours = (urlsplit(url).hostname or "" for url in (self.public_url, self.leads_url))
        others = (name.strip().lower() for name in self.hosts.split(","))
        return frozenset({"localhost", "127.0.0.1", "::1", *ours, *others} - {""})

    @property
    def dead_letters_kept(self) -> timedelta | None:
        return timedelta(days=self.dead_letter_days) if self.dead_letter_days else None

    def named(self, name: str) -> str:
        """A topic's or group's name on the broker."""
        return f"{self.namespace}.{name}" if self.namespace else name

    def database(self, service: str) -> str:
        """A service's own database. No service opens another's."""
        return f"{self.namespace}_jobwire_{service}" if self.namespace else f"jobwire_{service}"

    @property
    def keys(self) -> list[str]:
        """The signing keys, the current one first. Raises ValueError when none is set: an empty key would sign for
        anybody.
        """
        keys = [key.strip() for key in self.secret_keys.get_secret_value().split(",") if key.strip()]
        if not keys or any(len(key) < 16 for key in keys):
            raise ValueError("JOBWIRE_SECRET_KEYS must name at least one key of 16 characters or more.")
        return keys
