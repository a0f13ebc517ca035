"""Queues whose waits are known: M/M/1 and M/M/c.

Source: L. Kleinrock, Queueing Systems, volume 1, sections 3.2 and 3.5.
"""

from __future__ import annotations


def find_waiting_share(servers: int, load: float) -> float:
    """Return the share of customers that wait, by Erlang's formula C.

    Args:
        servers: how many serve.
        load: arrivals in the time of one service; below `servers`.
    """
    blocked = 1.0
    for count in range(1, servers + 1):
        # Erlang's formula B, by its recursion: no factorial grows.
        blocked = load * blocked / (count + load * blocked)
    used = load / servers
    return blocked / (1 - used + used * blocked)


def find_mean_wait(servers: int, rate: float, service_seconds: float) -> float:
    """Return the mean wait in seconds before the service, in a steady state."""
    load = rate * service_seconds
    return find_waiting_share(servers, load) * service_seconds / (servers - load)
