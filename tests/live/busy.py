"""Some busy days: the main job, and after it what else people do to jobs, requests and teams."""

from typing import Any

import httpx2

from deploy.journey import PATIENCE_SECONDS, Journey, Person, _expected

PLAN = ("plan.txt", b"First the texts, then the photos.\n", "text/plain")


class BusyDays(Journey):
    """The same steps as `jobwire up --once`, and then some. At the end every job has come to rest."""

    signed_in: Person
    """Who has read, written and commented in `job_id`, and is still signed in."""
    job_id: str

    async def _walk(self) -> None:
        await super()._walk()
        merchant = await self._sign_in(self._merchant_email)
        async with self._step("Two of four partners answer a second request, one of them at length"):
            offers = await self._confirm(await self._request("match", "seo", locale="ja"), partners=4)
            a, b, c, _ = [await self._sign_in(self._partner_of(mail)) for mail in offers]
            job_a, job_b, job_c = [await self._new_job(person) for person in (a, b, c)]
            await self._talk(a, job_a, merchant)
            await b.post(f"/api/v1/jobs/{job_b}/messages", {"text": "We could do it for half."})
            await c.post(f"/api/v1/jobs/{job_c}/open")
        async with self._step("The merchant blocks the second for good"):
            partner_id = await self._partner_behind(merchant, job_b)
            await merchant.post(f"/api/v1/merchant/partners/{partner_id}/block")
            await self._until_status(b, job_b, "declined")
        async with self._step("The first job is put aside, taken up again, completed, reviewed and answered"):
            await self._to_the_review(a, job_a, merchant)
        async with self._step("A third request is withdrawn, and its jobs are closed"):
            await self._withdrawn(merchant)
        async with self._step("A team changes: invited, promoted, removed, renamed, away"):
            await self._team(self._owner_of_many())
        async with self._step("What nobody answers expires"):
            await self._until_status(c, job_c, "expired", self.window_seconds + PATIENCE_SECONDS)
        self.signed_in, self.job_id = a, job_a

    async def _talk(self, a: Person, job_id: str, merchant: Person) -> None:
        path, colleague = f"/api/v1/jobs/{job_id}", self._colleague(a.email)
        upload = await a.client.post(f"{path}/attachments", files={"file": PLAN})
        sent = _expected(upload, 201)["attachment_id"]
        await a.post(f"{path}/messages", {"text": "検索順位を上げる計画を添付します。", "attachment_ids": [sent]})
        await a.post(f"{path}/comments", {"text": "Keep an eye on the margin.", "mentions": [colleague["member_id"]]})
        seen = (await a.get(path))["job"]["version"]
        await a.put(f"{path}/assignees", {"member_ids": [colleague["member_id"]]}, seen=seen)
        await self._until(lambda: merchant.get("/api/v1/merchant/jobs"), lambda page: job_id in _ids(page))
        for number in range(3):
            answer = {"text": f"質問{number}：いつから始められますか。"}
            await merchant.post(f"/api/v1/merchant/jobs/{job_id}/messages", answer)
            await a.post(f"{path}/messages", {"text": f"Answer {number}: on Monday, with the café photos."})
        page = await a.get(path)
        read = await a.client.post(f"{path}/read", json={"version": page["job"]["version"]})
        assert read.status_code == 204, read.text
        await a.post(f"{path}/assignees/me")

    async def _to_the_review(self, a: Person, job_id: str, merchant: Person) -> None:
        path, merchants = f"/api/v1/jobs/{job_id}", f"/api/v1/merchant/jobs/{job_id}"
        await a.post(f"{path}/inactive")
        await self._until_status(a, job_id, "inactive")
        await a.post(f"{path}/reactivate")
        await a.post(f"{path}/complete")
        await self._until_status(a, job_id, "completed")
        reviewed = await merchant.post(f"{merchants}/review", {"rating": 4, "text": "Good, a little slow."})
        await merchant.put(f"{merchants}/review", {"rating": 5, "text": "Good."}, seen=reviewed["version"])
        await a.post(f"{path}/review/answer", {"text": "Thank you, Mia."})

    async def _withdrawn(self, merchant: Person) -> None:
        offers = await self._confirm(await self._request("match", "migration"), partners=4)
        people = [await self._sign_in(self._partner_of(mail)) for mail in offers]
        jobs = [await self._new_job(person) for person in people]
        newest = (await merchant.get("/api/v1/merchant/requests"))["requests"][0]
        await merchant.post(f"/api/v1/merchant/requests/{newest['request_id']}/withdraw")
        for person, job_id in zip(people, jobs, strict=True):
            await self._until_status(person, job_id, "declined")

    async def _team(self, email: str) -> None:
        owner = await self._sign_in(email)
        members = (await owner.get("/api/v1/team"))["members"]
        others = [member["member_id"] for member in members if member["role"] == "member"]
        newcomer = {"name": "Zoé", "email": f"zoe.{self._run}@studio.example", "role": "member", "locale": "fr"}
        team = await owner.post("/api/v1/team/invitations", newcomer)
        role = {"role": "admin", "assigned_only": False}
        await owner.put(f"/api/v1/team/{others[0]}", role, seen=team["version"])
        team = _expected(await owner.client.delete(f"/api/v1/team/{others[1]}"), 200)
        settings = {"name": "Somebody Else", "locale": "en", "mailed": ["new_jobs"]}
        await owner.put("/api/v1/settings", settings, seen=team["version"])
        shown = await owner.get("/api/v1/preferences")
        away = {"first_day": "2031-01-01", "last_day": "2031-01-07"}
        wanted = {**shown["preferences"], "away": away, "open_jobs": 20}
        await owner.put("/api/v1/preferences", wanted, seen=shown["version"])

    async def operators(self, token: str) -> None:
        """Somebody is reported, and an operator looks at it."""
        reported = {"reason": "abuse", "text": "Rude."}
        report = await self.signed_in.post(f"/api/v1/jobs/{self.job_id}/report", reported)
        async with httpx2.AsyncClient(base_url=self.gateway, timeout=PATIENCE_SECONDS) as client:
            client.headers["Authorization"] = f"Bearer {token}"
            otto = Person(client, "otto")
            path = f"/api/v1/operators/reports/{report['report_id']}/resolve"
            await self._until(lambda: otto.get("/api/v1/operators/reports"), lambda page: page["reports"])
            await otto.post(path, {"finding": "upheld", "reason": "Not that rude."})
            await self._until(lambda: otto.get("/api/v1/operators/acts"), lambda page: page["acts"])

    def _owner_of_many(self) -> str:
        """The owner of a team in which two can be spared."""
        for partner in self._market:
            roles = [member["role"] for member in partner["members"]]
            if roles.count("member") >= 2:
                return str(next(member["email"] for member in partner["members"] if member["role"] == "owner"))
        raise LookupError("No team of the market is large enough.")

    async def _partner_behind(self, merchant: Person, job_id: str) -> str:
        page = await self._until(lambda: merchant.get("/api/v1/merchant/jobs"), lambda page: job_id in _ids(page))
        return str(next(job["partner_id"] for job in page["jobs"] if job["job_id"] == job_id))


def _ids(page: dict[str, Any]) -> list[str]:
    return [job["job_id"] for job in page["jobs"]]
