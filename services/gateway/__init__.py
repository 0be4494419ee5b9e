"""The dashboard's side: accounts and sign-in, partners and their teams, read models, JSON API, live updates.

hears: `partners.commands` (its door) · `partners`, `requests`, `jobs.events`, `standings` (read models) ·
       `leads.events`, `matches`, `mails` (read models) · `jobs.events` (search) ·
       `jobs.events`, `partners` (live, every replica) · `replies`
says: `partners` · `sign-ins` · `mail-choices` · `replies` ·
      `jobs.commands`, `leads.commands`, `partners.commands`, `requests.commands` (API)
owns: the partner aggregate; sessions, attachments, read marks
"""
