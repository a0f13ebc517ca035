"""Fleets of workers, simulated: how long callers wait, what pictures cost, where one broker ends.

`python -m benchmarks.fleet` checks the simulation against the formulas of queues, runs the
scenarios, and writes tables and plots; `python -m benchmarks.fleet.broker` measures what one broker
carries.
"""
