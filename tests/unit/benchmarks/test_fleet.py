"""The simulation of fleets: what formulas know of it, and what its parts do."""

from __future__ import annotations

import pytest

from benchmarks.fleet.formulas import find_mean_wait, find_waiting_share
from benchmarks.fleet.scenarios import compare, find_most_workers
from benchmarks.fleet.simulation import Fleet, Plan, Scaling


def test_formulas_are_those_of_the_books() -> None:
    assert find_waiting_share(1, 0.5) == pytest.approx(0.5)
    assert find_waiting_share(2, 1.0) == pytest.approx(1 / 3)
    # M/M/1: the load, divided by what is left of the server, in times of service.
    assert find_mean_wait(1, 0.8, 1.0) == pytest.approx(4.0)


def test_simulated_waits_are_those_of_the_formula() -> None:
    assert abs(compare(1, 0.5, 1).deviation) < 0.05
    assert abs(compare(3, 0.6, 1).deviation) < 0.05


def test_job_of_a_worker_that_is_lost_is_painted_again() -> None:
    plan = Plan(rate=0.5, service_seconds=1.0, workers=1, jobs=200, losses_an_hour=180.0)
    outcome = Fleet(plan).run()
    assert outcome.lost > 0
    assert len(outcome.stays) == 200


def test_first_job_of_a_fleet_scaled_to_zero_waits_for_its_worker() -> None:
    scaling = Scaling(poll_seconds=15.0, jobs_of_worker=2, most=3)
    plan = Plan(0.2, 1.0, workers=0, jobs=50, boot_seconds=60, load_seconds=30, scaling=scaling)
    outcome = Fleet(plan).run()
    assert 90.0 <= outcome.waits[0] <= 105.0
    assert max(workers for _, _, workers in outcome.trace) == 3


def test_one_broker_carries_more_workers_the_longer_their_jobs_are() -> None:
    assert find_most_workers(0.2) < find_most_workers(2.0) < find_most_workers(20.0)
