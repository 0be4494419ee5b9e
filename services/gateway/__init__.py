"""The dashboard's side: accounts and sign-in, partners and their teams, read models, JSON API, live updates.

hears: `partners.commands`, `reports.commands`, `people.commands` (its doors) ·
       `partners`, `requests`, `jobs.events`, `standings`, `leads.events`, `matches`, `mails`, `reports`,
       `operator-acts` (read models) · `jobs.events` (search; policy: spam is reported) ·
       `jobs.events`, `partners`, `suspensions` (live, every replica) · `replies`
says: `partners` · `reports` · `suspensions` · `operator-acts` · `sign-ins` · `mail-choices` · `replies` ·
      `jobs.commands`, `leads.commands`, `partners.commands`, `requests.commands`, `people.commands` (API) ·
      `reports.commands` (API, policy)
owns: the partner aggregate, reports and suspensions; sessions, attachments, read marks
"""
