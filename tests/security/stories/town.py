"""A running Jobwire with honest people in it, and what an attack does to them."""

import asyncio
import os
import resource
import statistics
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from time import perf_counter
from typing import Any
from uuid import uuid4

import httpx2

from deploy.cli.up import short_window
from deploy.journey import Journey, Person, _hidden, _reachable
from deploy.local.fleet import FREE_OPS_PORTS, FREE_PORTS, Fleet
from deploy.local.stack import Endpoints
from deploy.mailpit import CaughtMail, Mailpit
from deploy.market import load_partners
from deploy.provision import provision
from deploy.seed import seed
from tests.live.process import plain_http
from tests.patience import patience
from tests.servers import environ_of, new_namespace, remove, settings_for

OPERATOR = "night:operators-token-of-the-stories"
HONEST_NETWORK = "203.0.113"
_TICKS = os.sysconf("SC_CLK_TCK")


@dataclass
class Times:
    """Milliseconds that honest people waited."""

    signing_in: list[float] = field(default_factory=list)
    working: list[float] = field(default_factory=list)

    def medians(self) -> tuple[float, float]:
        return statistics.median(self.signing_in), statistics.median(self.working)


@dataclass
class Attack:
    """What an attacker did, and what it came to."""

    statuses: Counter[str] = field(default_factory=Counter)
    facts: dict[str, int] = field(default_factory=dict)

    @property
    def taken(self) -> int:
        return sum(count for status, count in self.statuses.items() if status.startswith("2"))


class Town(Journey):
    """People who came to work. `network` of a request is what a proxy in front says."""

    fleet: Fleet

    async def open(self, client: httpx2.AsyncClient, fleet: Fleet) -> None:
        self._client, self.fleet = client, fleet
        self._mails = Mailpit(client, self.mail_api)
        await self._mails.ignore_old()
        self._run = uuid4().hex[:10]
        self._merchant_email = f"mia.{self._run}@kettle-thread.example"
        self._market = load_partners()
        self._owners = [
            str(member["email"])
            for partner in self._market
            if _reachable(partner)
            for member in partner["members"]
            if member["role"] == "owner"
        ]
        self._next_owner = 0

    def next_owner(self) -> str:
        """Who of the market has been away longest."""
        self._next_owner += 1
        return self._owners[-self._next_owner % len(self._owners)]

    async def a_conversation(self) -> tuple[Person, Person, str]:
        """A partner and a merchant who have begun to talk, and their job."""
        self._merchant_email = f"mia.{uuid4().hex[:10]}@kettle-thread.example"
        offers = await self._confirm(await self._request("match", "theme-customisation"), partners=4)
        partner = await self._sign_in(self._partner_of(offers[0]))
        job_id = await self._new_job(partner)
        await partner.post(f"/api/v1/jobs/{job_id}/messages", {"text": "Hello Mia."})
        merchant = await self._sign_in(self._merchant_email)
        await self._until(lambda: merchant.get("/api/v1/merchant/jobs"), lambda page: page["jobs"])
        return partner, merchant, job_id

    async def mails_to(self, belongs: Callable[[str], bool]) -> int:
        """How many mails have reached addresses like these."""
        start, found = 0, 0
        while True:
            page = (
                await self._client.get(f"{self.mail_api}/api/v1/messages", params={"start": start, "limit": 500})
            ).json()["messages"]
            found += sum(any(belongs(to["Address"]) for to in mail["To"]) for mail in page)
            if len(page) < 500:
                return found
            start += 500

    async def mails_with(self, address: str, words: tuple[str, ...]) -> int:
        """How many mails to this address have one of these words in their subject."""
        query = {"query": f"to:{address}", "limit": 500}
        found = (await self._client.get(f"{self.mail_api}/api/v1/search", params=query)).json()["messages"]
        return sum(any(word in mail["Subject"] for word in words) for mail in found)

    async def session_of(self, email: str) -> Person:
        """By the link that was mailed last."""
        mail = await self._mails.to(email, containing="/sign-in?token=")
        return await self._session(mail.token, email)

    async def confirm_by(self, mail: CaughtMail) -> None:
        """However many partners it goes to."""
        page = await self._client.get(mail.link)
        form = {**_hidden(page.text), "email": mail.to}
        confirmed = await self._client.post(mail.link.partition("?")[0], data=form)
        assert confirmed.status_code == 200, confirmed.status_code

    async def reports_about(self, job_id: str) -> int:
        headers = {"Authorization": f"Bearer {OPERATOR.partition(':')[2]}"}
        page = await self._client.get(f"{self.gateway}/api/v1/operators/reports", headers=headers)
        return page.text.count(job_id)

    def processor_seconds(self) -> dict[str, float]:
        """What each service has used since it started."""
        return {name: _used(process.pid) for name, process in self.fleet.processes.items() if process.pid}

    async def honest_round(self, times: Times, member: Person, job_id: str) -> None:
        """One person signs in by mail, another looks at its inbox and notes something on a job."""
        # Honest people come from many networks; behind each are some of them.
        self._client.headers["X-Forwarded-For"] = f"{HONEST_NETWORK}.{self._next_owner % 250}"
        began = perf_counter()
        await self._sign_in(self.next_owner())
        times.signing_in.append((perf_counter() - began) * 1000)
        began = perf_counter()
        await member.get("/api/v1/jobs")
        await member.post(f"/api/v1/jobs/{job_id}/comments", {"text": "Noted."})
        times.working.append((perf_counter() - began) * 1000)


@asynccontextmanager
async def town(servers: Endpoints, logs: Path) -> AsyncIterator[Town]:
    """All five services, behind a proxy that is believed, with the invented market."""
    assert servers.mail_api_url, "The stories read mails: set MAIL_API_URL beside SMTP_URL."
    settings = settings_for(servers, new_namespace(), limits={})
    await provision(settings)
    environ = environ_of(settings, **short_window(60), JOBWIRE_TRUSTED_PROXIES="127.0.0.1", JOBWIRE_OPS_TOKENS=OPERATOR)
    fleet = Fleet(environ, logs, ports=FREE_PORTS, ops_ports=FREE_OPS_PORTS)
    _allow_sockets()
    try:
        await fleet.start()
        count = await seed(settings)
        async with asyncio.timeout(patience(120)):
            while await fleet.metric("matching", "jobwire_market_partners") < count:
                await asyncio.sleep(0.2)
        headers = {"X-Forwarded-For": f"{HONEST_NETWORK}.7"}
        async with httpx2.AsyncClient(timeout=patience(60), follow_redirects=False, headers=headers) as client:
            people = Town(fleet.urls.gateway, fleet.urls.leads, servers.mail_api_url, 60, typing_seconds=0.0)
            await people.open(client, fleet)
            yield people
    finally:
        await fleet.stop()
        await remove(settings)


async def many(
    attack: Attack,
    url: str,
    requests: Iterable[dict[str, Any]],
    *,
    network: Callable[[int], str] = lambda _number: "198.51.100.66",
    token: str | None = None,
    at_once: int = 40,
) -> None:
    """Send all of them, so many at a time. `requests` are the arguments of httpx's `request`, without the host."""
    authorization = {"Authorization": f"Bearer {token}"} if token else {}
    numbered = enumerate(requests)

    async with plain_http() as client:

        async def one_after_another() -> None:
            for number, request in numbered:
                headers = {"X-Forwarded-For": network(number), **authorization, **request.pop("headers", {})}
                try:
                    answer = await client.request(url=f"{url}{request.pop('path')}", headers=headers, **request)
                except httpx2.HTTPError as error:
                    attack.statuses[type(error).__name__] += 1
                else:
                    attack.statuses[str(answer.status_code)] += 1

        await asyncio.gather(*(one_after_another() for _ in range(at_once)))


async def beside(work: Awaitable[Attack], rounds: Callable[[], Awaitable[None]], least: int) -> Attack:
    """Do `work` while honest people go on, at least so many rounds."""
    attacking = asyncio.ensure_future(work)
    count = 0
    while not attacking.done() or count < least:
        await rounds()
        count += 1
        if not attacking.done():
            await asyncio.wait({attacking}, timeout=1.0)
    return attacking.result()


def _allow_sockets() -> None:
    """As many as the machine lets one process have."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))


def token_of(person: Person) -> str:
    return str(person.client.headers["Authorization"]).removeprefix("Bearer ")


def _used(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS
