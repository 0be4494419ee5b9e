"""How fast and how large, measured in one run on this machine: `python -m deploy.bench`.

`throughput` lets three loops work off the same commands in turns: the jobs service, `bare_loop`, `beginner_loop`.
`running` starts everything as `jobwire up` does and looks at it; `roundtrip` times one message through it.
"""
