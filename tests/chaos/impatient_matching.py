"""The real matching service, with one setting changed: a dead process is taken for dead after 2 s instead of 30.

As `impatient_jobs`: what is killed and started again would else wait half a minute for its own partitions.
"""

from services.matching.main import main
from shared import fetching

fetching.SUBSCRIBER_SETTINGS |= {"session_timeout_ms": 2_000, "heartbeat_interval_ms": 500}

if __name__ == "__main__":
    main()
