"""How long a partner waits for its jobs when there are many of them: `python -m deploy.bench.inbox`.

`market` has three hundred partners, `texts` and `lives` make a year of jobs of theirs, `loading` brings them through
the topics into a real gateway. `questions` are what a dashboard asks, each beside the bare queries that fetch the same
documents; `measuring` asks both in turns.
"""
