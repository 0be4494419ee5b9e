"""The stories. Each gives what the attacker did and what it came to; `holds` says what may come of it."""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from struct import pack
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

import httpx2

from deploy.journey import _hidden
from tests.live.process import plain_http
from tests.patience import patience
from tests.security.stories.town import Attack, Town, many, token_of

Share = float
Story = Callable[[Town, Share], Awaitable[Attack]]


@dataclass(frozen=True)
class Told:
    """`holds` gives what is wrong with how an attack ended, or nothing."""

    name: str
    sentence: str
    attack: Story
    holds: Callable[[Attack], list[str]]


STORIES: list[Told] = []


def story(name: str, sentence: str, holds: Callable[[Attack], list[str]]) -> Callable[[Story], Story]:
    def tell(attack: Story) -> Story:
        STORIES.append(Told(name, sentence, attack, holds))
        return attack

    return tell


def at_most(**bounds: int) -> Callable[[Attack], list[str]]:
    """These facts stay within these numbers, and nothing answered with a fault of ours."""

    def holds(attack: Attack) -> list[str]:
        found = [
            f"{name}: {attack.facts[name]:,}, at most {most:,}"
            for name, most in bounds.items()
            if attack.facts[name] > most
        ]
        faults = {status: count for status, count in attack.statuses.items() if status in {"500", "502"}}
        return [*found, *([f"faults: {faults}"] if faults else [])]

    return holds


def _times(count: int, share: Share) -> int:
    return max(20, int(count * share))


def _victims(count: int, domain: str) -> Iterator[str]:
    return (f"victim{number}@{domain}" for number in range(count))


async def _mails_settled(town: Town, domain: str) -> int:
    """How many mails reached a domain, once no more come."""
    before = -1
    while (now := await town.mails_to(lambda address: address.endswith(f"@{domain}"))) != before:
        before = now
        await asyncio.sleep(3)
    return now


async def _written_to(  # noqa: PLR0917 - who is written to, and by what
    town: Town, share: Share, domain: str, server: str, path: str, body: Callable[[str], dict[str, Any]]
) -> Attack:
    """One network has 10,000 people of this domain written to."""
    attack = Attack()
    asks = (
        {"method": "POST", "path": path, "json": body(victim)} for victim in _victims(_times(10_000, share), domain)
    )
    await many(attack, server, asks)
    attack.facts["mails"] = await _mails_settled(town, domain)
    return attack


@story(
    "sign-in",
    "One network asks for sign-in links for 10,000 addresses",
    at_most(mails=0),
)
async def sign_in(town: Town, share: Share) -> Attack:
    return await _written_to(
        town, share, "sign-in-victims.com", town.gateway, "/api/v1/sign-in", lambda victim: {"email": victim}
    )


@story(
    "registration",
    "One network registers organisations for 10,000 addresses",
    at_most(mails=60),
)
async def registration(town: Town, share: Share) -> Attack:
    return await _written_to(
        town, share, "registration-victims.com", town.gateway, "/api/v1/registrations", lambda victim: {"email": victim}
    )


@story(
    "parallel", "Eighty networks ask for a link for one person at the same moment, spelt in many ways", at_most(mails=5)
)
async def parallel(town: Town, _share: Share) -> Attack:
    attack, domain = Attack(), "one-person.com"
    asks = (
        {"method": "POST", "path": "/api/v1/registrations", "json": {"email": f"mia+{number}@{domain}"}}
        for number in range(80)
    )
    await many(attack, town.gateway, asks, network=lambda number: f"198.51.100.{number}", at_once=80)
    attack.facts["mails"] = await _mails_settled(town, domain)
    return attack


@story("forms", "One network fills in the form for 10,000 addresses", at_most(mails=60))
async def forms(town: Town, share: Share) -> Attack:
    return await _written_to(town, share, "form-victims.com", town.leads, "/api/v1/requests", _request)


@story(
    "messages",
    "One merchant writes 10,000 messages of 8 KB to one partner",
    at_most(taken=600, mails=30),
)
async def messages(town: Town, share: Share) -> Attack:
    attack = Attack()
    partner, merchant, job_id = await town.a_conversation()
    before = await town.mails_to(lambda address: address == partner.email)
    text = {"text": "Read this at once. " * 420}
    path = f"/api/v1/merchant/jobs/{job_id}/messages"
    asks = ({"method": "POST", "path": path, "json": text} for _ in range(_times(10_000, share)))
    await many(attack, town.gateway, asks, token=token_of(merchant))
    attack.facts["taken"] = attack.taken
    await asyncio.sleep(5)
    attack.facts["mails"] = await town.mails_to(lambda address: address == partner.email) - before
    return attack


@story(
    "invitations", "One organisation invites 1,000 strangers, and some again and again", at_most(mails=100, taken=120)
)
async def invitations(town: Town, share: Share) -> Attack:
    attack, domain = Attack(), "invited-strangers.com"
    owner = await town._sign_in(town.next_owner())
    asks = (
        {
            "method": "POST",
            "path": "/api/v1/team/invitations",
            "json": {"email": one, "name": "Friend", "role": "member", "locale": "en"},
        }
        for round_ in range(2)
        for one in _victims(_times(1_000, share), domain)
    )
    await many(attack, town.gateway, asks, token=token_of(owner), at_once=8)
    attack.facts["taken"] = attack.taken
    attack.facts["mails"] = await _mails_settled(town, domain)
    return attack


@story(
    "ousting", "An owner invites and removes somebody else's address, to sign that person out", at_most(signed_out=0)
)
async def ousting(town: Town, share: Share) -> Attack:
    attack = Attack()
    owner, victim = await town._sign_in(town.next_owner()), await town._sign_in(town.next_owner())
    token = token_of(owner)
    for _ in range(max(3, int(20 * share))):
        body = {"email": victim.email, "name": "Friend", "role": "member", "locale": "en"}
        invited = await owner.client.post("/api/v1/team/invitations", json=body)
        attack.statuses[str(invited.status_code)] += 1
        members = (await owner.get("/api/v1/team"))["members"]
        for member in members:
            if member["email"].casefold() == victim.email.casefold():
                await many(
                    attack,
                    town.gateway,
                    [{"method": "DELETE", "path": f"/api/v1/team/{member['member_id']}"}],
                    token=token,
                )
    await asyncio.sleep(2)
    answer = await victim.client.get("/api/v1/me")
    attack.facts["signed_out"] = int(answer.status_code == 401)
    return attack


@story(
    "notification-address",
    "An owner sends its job mails to 200 strangers, one after another",
    at_most(job_mails=0, mails=10),
)
async def notification_address(town: Town, share: Share) -> Attack:
    attack, domain = Attack(), "notified-strangers.com"
    owner = await town._sign_in(town.next_owner())
    asks = (
        {"method": "PUT", "path": "/api/v1/preferences", "json": {"available": True, "notification_email": one}}
        for one in _victims(_times(200, share), domain)
    )
    await many(attack, town.gateway, asks, token=token_of(owner), at_once=1)
    attack.facts["mails"] = await _mails_settled(town, domain)
    attack.facts["job_mails"] = 0
    return attack


@story("store-access", "A partner asks for store access and takes it back 500 times", at_most(mails=20))
async def store_access(town: Town, share: Share) -> Attack:
    attack = Attack()
    partner, merchant, job_id = await town.a_conversation()
    before = await town.mails_to(lambda address: address == merchant.email)
    wanted = {"note": "Now?", "permissions": ["themes"], "days": 3}
    path = f"/api/v1/jobs/{job_id}/store-access"
    asks = (
        {"method": "POST", "path": f"{path}/{act}", "json": wanted if act == "ask" else None}
        for _ in range(_times(500, share))
        for act in ("ask", "revoke")
    )
    await many(attack, town.gateway, asks, token=token_of(partner), at_once=1)
    await asyncio.sleep(5)
    attack.facts["mails"] = await town.mails_to(lambda address: address == merchant.email) - before
    return attack


@story("review-edits", "A merchant edits its review 500 times", at_most(mails=30))
async def review_edits(town: Town, share: Share) -> Attack:
    attack = Attack()
    partner, merchant, job_id = await town.a_conversation()
    await partner.post(f"/api/v1/jobs/{job_id}/complete")
    await town._until_status(partner, job_id, "completed", patience(60))
    path = f"/api/v1/merchant/jobs/{job_id}/review"
    await merchant.post(path, {"rating": 1, "text": "Bad."})
    before = await town.mails_to(lambda address: address == partner.email)
    asks = (
        {"method": "PUT", "path": path, "json": {"rating": 1 + number % 5, "text": f"Edited {number}."}}
        for number in range(_times(500, share))
    )
    await many(attack, town.gateway, asks, token=token_of(merchant), at_once=1)
    await asyncio.sleep(5)
    attack.facts["mails"] = await town.mails_to(lambda address: address == partner.email) - before
    return attack


@story("phishing-name", "A name is a phishing sentence: with links, addresses and telephone numbers", at_most(taken=0))
async def phishing_name(town: Town, _share: Share) -> Attack:
    attack = Attack()
    person = await town._sign_in(town.next_owner())
    names = (
        "Your account is locked: www.paypa1-help.com",
        "https://evil.example/login",
        "Call +33 6 12 34 56 78 now",
        "Write to help@evil-desk.com",
        "evil.com",
    )
    asks = ({"method": "POST", "path": "/api/v1/partners", "json": _organisation(name)} for name in names)
    await many(attack, town.gateway, asks, token=token_of(person), at_once=1)
    attack.facts["taken"] = attack.taken
    return attack


@story(
    "harvest",
    "Twenty-five organisations made by one person wait for prospects' contact details",
    at_most(leads=0),
)
async def harvest(town: Town, share: Share) -> Attack:
    attack, domain = Attack(), "harvesters.com"
    await town._client.post(f"{town.gateway}/api/v1/registrations", json={"email": f"boss@{domain}"})
    boss = await town.session_of(f"boss@{domain}")
    bodies = [
        {**_organisation(f"Harvest {letter}"), "slug": f"harvest-{uuid4().hex[:8]}"}
        for letter in "ABCDEFGHIJKLMNOPQRSTUVWXY"
    ]
    asks = ({"method": "POST", "path": "/api/v1/partners", "json": body} for body in bodies)
    await many(attack, town.gateway, asks, token=token_of(boss), at_once=1)
    mine = (await boss.get("/api/v1/me"))["memberships"]
    for one in mine:
        headers = {"Jobwire-Partner": one["partner_id"]}
        offer = {"price_from": {"amount": "1.00", "currency": "JPY"}, "unit": "project", "lead_days": 0}
        steps = (
            {"method": "PUT", "path": "/api/v1/partner/services/store-setup", "json": offer, "headers": dict(headers)},
            {"method": "POST", "path": "/api/v1/partner/publish", "headers": dict(headers)},
        )
        await many(attack, town.gateway, steps, token=token_of(boss), at_once=1)
    await asyncio.sleep(3)
    for number in range(max(2, int(4 * share))):
        await _prospect(town, f"p{number}.{uuid4().hex[:6]}@plans.example")
    attack.facts["organisations"] = len(mine)
    attack.facts["leads"] = await town.mails_to(lambda address: address == f"boss@{domain}") - await _sign_in_mails(
        town, f"boss@{domain}"
    )
    return attack


@story("consent", "A stranger claims somebody's store and consents for it", at_most(granted=0))
async def consent(town: Town, _share: Share) -> Attack:
    attack = Attack()
    partner, merchant, job_id = await town.a_conversation()
    wanted = {"note": "Now.", "permissions": ["themes"], "days": 3}
    path = f"/api/v1/jobs/{job_id}/store-access"
    for person, step, body in (
        (partner, f"{path}/ask", wanted),
        (merchant, f"/api/v1/merchant/jobs/{job_id}/store-access/consent", {}),
        (partner, f"{path}/request", {"permissions": ["themes"], "days": 3}),
    ):
        await many(attack, town.gateway, [{"method": "POST", "path": step, "json": body}], token=token_of(person))
    await asyncio.sleep(3)
    access = (await partner.get(f"/api/v1/jobs/{job_id}"))["job"]["access"]
    attack.facts["granted"] = int(bool(access) and access["status"] in {"consented", "requested", "granted"})
    return attack


@story("idle-sockets", "10,000 sockets are opened and say nothing", at_most())
async def idle_sockets(town: Town, share: Share) -> Attack:
    return await _sockets(town, _times(10_000, share), b"")


@story("slow-heads", "2,000 sockets send a request's head, a byte now and then", at_most())
async def slow_heads(town: Town, share: Share) -> Attack:
    return await _sockets(town, _times(2_000, share), b"GET /api/v1/me HTTP/1.1\r\nHost: 127.0.0.1\r\nX-A: ", b"a")


@story("slow-bodies", "2,000 sockets promise a body and send a byte now and then", at_most())
async def slow_bodies(town: Town, share: Share) -> Attack:
    head = b"POST /api/v1/sign-in HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 200\r\n\r\n"
    return await _sockets(town, _times(2_000, share), head, b" ")


@story("streams", "One person opens 2,000 event streams", at_most(open=20))
async def streams(town: Town, share: Share) -> Attack:
    attack = Attack()
    person = await town._sign_in(town.next_owner())
    headers, opened = {"Authorization": f"Bearer {token_of(person)}"}, 0
    unbounded = httpx2.Limits(max_connections=None)
    async with httpx2.AsyncClient(limits=unbounded, timeout=patience(60)) as client, asyncio.TaskGroup() as group:
        stop = asyncio.Event()

        async def listen() -> None:
            nonlocal opened
            async with client.stream("GET", f"{town.gateway}/api/v1/events", headers=headers) as response:
                attack.statuses[str(response.status_code)] += 1
                if response.status_code == 200:
                    opened += 1
                    await stop.wait()

        listening = [group.create_task(_quietly(listen())) for _ in range(_times(2_000, share))]
        await asyncio.sleep(patience(4))
        stop.set()
        await asyncio.wait(listening, timeout=patience(20))
    attack.facts["open"] = opened
    return attack


@story("bombs", "A partner uploads 100 archives that unpack to terabytes", at_most(taken=0))
async def bombs(town: Town, share: Share) -> Attack:
    attack = Attack()
    partner, _merchant, job_id = await town.a_conversation()
    bomb = _zip_bomb()
    path = f"/api/v1/jobs/{job_id}/attachments"
    asks = (
        {"method": "POST", "path": path, "files": {"file": ("work.zip", bomb, "application/zip")}}
        for _ in range(_times(100, share))
    )
    await many(attack, town.gateway, asks, token=token_of(partner), at_once=4)
    attack.facts["taken"] = attack.taken
    return attack


@story("guessing", "Somebody guesses 10,000 operators' tokens and links", at_most(taken=0))
async def guessing(town: Town, share: Share) -> Attack:
    attack = Attack()
    count = _times(5_000, share)
    asks = (
        {
            "method": "GET",
            "path": "/api/v1/operators/reports",
            "headers": {"Authorization": f"Bearer guess-{number:024d}"},
        }
        for number in range(count)
    )
    await many(attack, town.gateway, asks)
    links = (
        {"method": "POST", "path": "/api/v1/sessions", "json": {"token": f"guess{number}"}} for number in range(count)
    )
    await many(attack, town.gateway, links)
    attack.facts["taken"] = attack.taken
    return attack


@story("scanner", "A mail scanner follows every link of a sign-in mail and submits every form", at_most(signed_in=0))
async def scanner(town: Town, share: Share) -> Attack:
    attack = Attack()
    for _ in range(max(2, int(20 * share))):
        email = town.next_owner()
        await town._client.post(f"{town.gateway}/api/v1/sign-in", json={"email": email})
        mail = await town._mails.to(email, containing="/sign-in?token=")
        async with plain_http() as client:  # whoever scans mails is no browser that has asked
            page = await client.get(mail.link)
            filled = {**_hidden(page.text), "email": "scanner@security.example"}
            submitted = await client.post(mail.link.partition("?")[0], data=filled)
        attack.statuses[str(submitted.status_code)] += 1
        opened = int(submitted.status_code == 200)
        attack.facts["signed_in"] = attack.facts.get("signed_in", 0) + opened
    return attack


@story("hosts", "Requests come with somebody else's name as Host", at_most(reflected=0))
async def hosts(town: Town, share: Share) -> Attack:
    attack = Attack()
    attack.facts["reflected"] = 0
    for base in (town.leads, town.gateway):
        for path in ("/en/partners/", "/en/partners", "/", "/en/sign-in/"):
            for _ in range(max(2, int(50 * share))):
                answer = await town._client.get(f"{base}{path}", headers={"Host": "evil.example"})
                attack.statuses[str(answer.status_code)] += 1
                said = answer.headers.get("location", "") + answer.text
                attack.facts["reflected"] += int("evil.example" in said)
    return attack


@story("reports", "A partner reports one job 1,000 times", at_most(records=1))
async def reports(town: Town, share: Share) -> Attack:
    attack = Attack()
    partner, _merchant, job_id = await town.a_conversation()
    body = {"reason": "spam", "text": "No."}
    asks = (
        {"method": "POST", "path": f"/api/v1/jobs/{job_id}/report", "json": body} for _ in range(_times(1_000, share))
    )
    await many(attack, town.gateway, asks, token=token_of(partner), at_once=8)
    attack.facts["records"] = await town.reports_about(job_id)
    return attack


def _request(email: str) -> dict[str, Any]:
    return {
        "kind": "match",
        "locale": "en",
        "merchant": {"name": "Una", "email": email, "store_url": "https://una.example"},
        "business": "Cups.",
        "service": "seo",
        "title": f"Cups {uuid4().hex}",
        "requirements": "Be found.",
    }


def _organisation(name: str) -> dict[str, Any]:
    return {
        "slug": f"org-{uuid4().hex[:10]}",
        "name": name,
        "about": "We do things.",
        "main_language": "ja",
        "languages": ["ja", "en"],
        "country": "JP",
        "your_name": "Boss",
    }


async def _prospect(town: Town, email: str) -> None:
    words = {"name": "高橋 結衣", "email": email, "business": "器の店です。", "title": f"春の開店 {uuid4().hex[:8]}"}
    wanted = {"service": "store-setup", "requirements": "開店まで。", "budget_currency": "JPY"}
    await town._fill_in("/ja/prospects/new", {**words, **wanted})
    asked = await town._mails.to(email, containing="/confirm?token=")
    town._title = words["title"]
    await town.confirm_by(asked)


async def _sign_in_mails(town: Town, email: str) -> int:
    return await town.mails_with(email, ("sign in", "organisation", "ログイン", "サインイン"))


async def _sockets(town: Town, count: int, opening: bytes, drip: bytes = b"") -> Attack:
    """So many connections to the gateway, held as long as it lets them, at most half a minute."""
    attack = Attack()
    where = urlsplit(town.gateway)
    loop, opened = asyncio.get_running_loop(), list[socket.socket]()
    for _ in range(count):
        one = socket.socket()
        one.setblocking(False)
        try:
            async with asyncio.timeout(patience(5)):
                await loop.sock_connect(one, (where.hostname, where.port))
                if opening:
                    await loop.sock_sendall(one, opening)
        except (OSError, TimeoutError) as error:
            attack.statuses[type(error).__name__] += 1
            one.close()
        else:
            opened.append(one)
    attack.statuses["opened"] = len(opened)
    for _ in range(30):
        await asyncio.sleep(1)
        for one in opened if drip else []:
            with suppress(OSError):
                one.send(drip)
    attack.facts["still open"] = sum(map(_is_open, opened))
    for one in opened:
        one.close()
    return attack


def _is_open(one: socket.socket) -> bool:
    try:
        return one.recv(65_536) != b"" and _is_open(one)
    except BlockingIOError:
        return True
    except OSError:
        return False


async def _quietly(work: Awaitable[None]) -> None:
    with suppress(Exception):
        await work


def _zip_bomb() -> bytes:
    """A small archive whose directory declares a thousand files of 4 GB."""
    local = pack("<IHHHHHIIIHH", 0x04034B50, 20, 0, 8, 0, 0, 0, 10, 0xFFFFFFFE, 1, 0) + b"a" + b"\x00" * 10
    entry = b"".join(
        pack("<IHHHHHHIIIHHHHHII", 0x02014B50, 20, 20, 0, 8, 0, 0, 0, 10, 0xFFFFFFFE, 4, 0, 0, 0, 0, 0, 0)
        + b"%04d" % number
        for number in range(1000)
    )
    end = pack("<IHHHHIIH", 0x06054B50, 0, 0, 1000, 1000, len(entry), len(local), 0)
    return local + entry + end
