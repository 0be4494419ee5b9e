"""How good matching is, on a market whose truth is known: `python -m deploy.simulation --seeds 101-108 --out FOLDER`.

A made-up market lives for some months. Its partners have abilities, tastes, holidays and limits that stand in no record
(`truth.py`, its numbers in `nature.py`); merchants ask, partners answer, merchants choose. What a policy sees are
records as the topics carry them (`records.py`), and nothing else: it runs inside `services.matching.offline.Matcher`,
under the wave rules of the service, and decides only who is asked (`policies.py`). All policies of a seed meet the same
partners, the same requests, and the same luck of each partner with each request, so that differences are paired.

Seeds 1 to 20 are for tuning, 101 to 120 for reporting: whoever has tuned on a seed has nothing to report from it.

    --seeds 101-108        which markets; also `1,4,7`
    --policies ours,random the ones to compare; all of them when left out
    --quick                a small market: 40 days, 120 partners
    --processes 2          how many markets are played at a time
    --out FOLDER           `report.json` and the plots; without it only the text is printed

What is measured is written where it is computed (`measures.py`), what is promised in `targets.py`.
"""
