"""The job: one request at one partner, from New to reviewed.

hears: `jobs.commands` (its door) · `matches` (policy: a selection becomes a job) · `partners`, `jobs.events` (who left
       the team, who is blocked) · `jobs.events` (store access, at the platform)
says: `jobs.events` · `replies` · `jobs.commands` (timers, policies, the platform's answers)
owns: the job aggregate, with its timers
"""
