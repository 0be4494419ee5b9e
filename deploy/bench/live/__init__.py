"""What live updates cost: `python -m deploy.bench.live`.

`market` makes the listeners and the events, `walking` is how it was done before, `listening` measures both in one
process without a socket, `sockets` both behind a real server with as many connections as the machine bears.
"""
