"""The job: one request at one partner, from New to reviewed.

hears: `jobs.commands` (its door) · `matches` (policy: a selection becomes a job)
says: `jobs.events` · `replies` · `jobs.commands` (timers)
owns: the job aggregate, with its timers
"""
