"""Who fits a request: hard filters, an explained score, waves; and what is learned from the answers.

hears: `matching.commands` (its door) · `requests` (policy) · `jobs.events` (policy, standings) ·
       `matches`, `leads.events` (standings) · `partners`, `standings` (index, every replica)
says: `matches` · `matching.commands` (policies) · `standings` · `replies`
owns: the match aggregate, and the standings
"""
