"""The real jobs service, with less patience: a dead process is taken for dead after 2 s instead of 30, and what is
parked is tried again every second.

Each kill would otherwise cost the group half a minute of waiting, and a run most of its kills. `CHAOS_SABOTAGE` also
breaks the loop in a chosen way, to show that the test notices.
"""

import os

from services.jobs.main import main
from shared import fetching, process

fetching.SUBSCRIBER_SETTINGS |= {"session_timeout_ms": 2_000, "heartbeat_interval_ms": 500}
process.RETRY_PARKED_SECONDS = 1.0

if __name__ == "__main__":
    if chosen := os.environ.get("CHAOS_SABOTAGE"):
        from tests.chaos.sabotage import SABOTAGES

        SABOTAGES[chosen]()
    main()
