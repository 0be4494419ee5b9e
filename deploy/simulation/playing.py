"""One market under one policy, played in whatever process. Not in `__main__`, which other processes cannot import."""

import asyncio
import logging
from time import perf_counter
from typing import NamedTuple

import structlog

from deploy.simulation.loads import Loads
from deploy.simulation.market import make_market
from deploy.simulation.measures import Played, measured
from deploy.simulation.nature import Nature
from deploy.simulation.policies import matcher_for
from deploy.simulation.run import Run
from deploy.simulation.truth import Truth


class Playing(NamedTuple):
    seed: int
    policy: str
    nature: Nature


def play(asked: Playing) -> Played:
    """From the start to the last answer."""
    started = perf_counter()
    truth = Truth(make_market(asked.seed, asked.nature))
    loads = Loads(truth)
    run = Run(truth, matcher_for(asked.policy, truth, loads), loads)
    asyncio.run(run.play())
    one = measured(truth, asked.policy, run)
    one.figures["seconds"] = perf_counter() - started
    return one


def quietly() -> None:
    """The parts of the service log what they do; here nobody reads it."""
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.ERROR))
