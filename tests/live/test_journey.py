"""The main job with real servers and real processes, over HTTP and mail only; the same steps as `jobwire up --once`."""

import pytest

from deploy.journey import Journey
from deploy.local.stack import Endpoints
from tests.live.conftest import Jobwire


@pytest.mark.parametrize("time", ["first", "second"])
async def test_the_main_job_goes_from_the_form_to_the_review_and_again_on_the_same_data(
    jobwire: Jobwire, servers: Endpoints, time: str
) -> None:
    if servers.mail_api_url is None:
        pytest.skip("SMTP_URL is set and MAIL_API_URL is not: nobody can read the mails.")
    urls = jobwire.fleet.urls
    put_aside_before = len(await jobwire.log.all_dead_letters())
    journey = Journey(
        urls.gateway,
        urls.leads,
        servers.mail_api_url,
        jobwire.window_seconds,
        platform=servers.platform_url,
        typing_seconds=0.0,
    )
    steps = await journey.run()
    assert [step.number for step in steps] == list(range(1, len(steps) + 1))
    assert len(await jobwire.log.all_dead_letters()) == put_aside_before
