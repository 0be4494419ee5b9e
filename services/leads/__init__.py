"""The public side: forms, directory and profiles; requests from their submission on, and the leads of prospects.

hears: `requests.commands`, `leads.commands` (its doors) · `matches` (policy: a prospect's selection becomes a lead) ·
       `suspensions`, `requests` (whose requests are stopped) ·
       `partners`, `standings`, `jobs.events`, `leads.events` (directory, profiles) · `replies`
says: `requests` · `leads.events` · `requests.commands` (forms, timers) · `leads.commands` (policy, reviews) · `replies`
owns: the request and the lead aggregates
"""
