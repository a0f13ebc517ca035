"""Everything that the job store holds, read in one step, and the rules that it always keeps."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import redis

from service.contract.jobs import JobRecord

TERMINAL = frozenset({"succeeded", "failed", "canceled"})

_NEXT = {
    None: {"queued"},
    "queued": {"running", "failed", "canceled"},
    "running": {"queued", "succeeded", "failed", "canceled"},
}

_DUMP = """
local found = {}
for _, name in ipairs(redis.call('KEYS', ARGV[1] .. ':*')) do
  local kind = redis.call('TYPE', name).ok
  local value
  if string.find(name, ':rq:job:', 1, true) then kind, value = 'set', {} -- binary
  elseif kind == 'string' then value = redis.call('GET', name)
  elseif kind == 'hash' then value = redis.call('HGETALL', name)
  elseif kind == 'list' then value = redis.call('LRANGE', name, 0, -1)
  elseif kind == 'set' then value = redis.call('SMEMBERS', name)
  elseif kind == 'zset' then value = redis.call('ZRANGE', name, 0, -1, 'WITHSCORES')
  else value = redis.call('XRANGE', name, '-', '+') end
  table.insert(found, {string.sub(name, #ARGV[1] + 2), kind, redis.call('PTTL', name), value})
end
return cjson.encode(found)
"""


@dataclass
class Snapshot:
    """Everything under a namespace, keys without their prefix.

    Attributes:
        jobs: record hashes by id.
        zsets: members and scores.
        sets: members.
        strings: texts.
        lists: texts.
        hashes: hashes that are no records.
        events: (type, data) of each event by job id.
        event_versions: the version that each event carries.
        kept: keys that have no time to live.
    """

    jobs: dict[str, dict[str, str]] = field(default_factory=dict)
    zsets: dict[str, dict[str, float]] = field(default_factory=dict)
    sets: dict[str, set[str]] = field(default_factory=dict)
    strings: dict[str, str] = field(default_factory=dict)
    lists: dict[str, list[str]] = field(default_factory=dict)
    hashes: dict[str, dict[str, str]] = field(default_factory=dict)
    events: dict[str, list[tuple[str, str]]] = field(default_factory=dict)
    event_versions: dict[str, list[int]] = field(default_factory=dict)
    kept: set[str] = field(default_factory=set)

    def members(self, *parts: str) -> set[str]:
        """Return the members of an index; none if it does not exist."""
        return set(self.zsets.get(":".join(parts), {}))

    def statuses(self, job_id: str) -> list[str]:
        """Return the statuses that the events tell, in order."""
        return [data for kind, data in self.events.get(job_id, []) if kind == "status"]


def take_snapshot(client: redis.Redis, namespace: str) -> Snapshot:
    """Read everything, in one step."""
    snapshot = Snapshot()
    for name, kind, ttl, value in json.loads(client.eval(_DUMP, 0, namespace)):
        if ttl < 0:
            snapshot.kept.add(name)
        _put(snapshot, name, kind, value)
    return snapshot


def _put(snapshot: Snapshot, name: str, kind: str, value: Any) -> None:
    if kind == "hash":
        target = snapshot.jobs if name.startswith("job:") else snapshot.hashes
        target[name.removeprefix("job:")] = dict(_pairs(value))
    elif kind == "zset":
        snapshot.zsets[name] = {member: float(score) for member, score in _pairs(value)}
    elif kind == "set":
        snapshot.sets[name] = set(value)
    elif kind == "list":
        snapshot.lists[name] = list(value)
    elif kind == "string":
        snapshot.strings[name] = value
    elif name == "wiped":
        snapshot.lists[name] = [dict(_pairs(fields))["job_id"] for _, fields in value]
    else:
        events = [dict(_pairs(fields)) for _, fields in value]
        job_id = name.removeprefix("events:")
        if job_id.startswith("batch_"):
            return  # the last change of a batch alone, for those who wait
        snapshot.events[job_id] = [(event["type"], event["data"]) for event in events]
        snapshot.event_versions[job_id] = [int(event["version"]) for event in events]


def _pairs(flat: Sequence[Any]) -> Iterator[tuple[Any, Any]]:
    return zip(flat[::2], flat[1::2], strict=True)


_TIMED = (
    "uploads:",
    "batches:",
    "leases",
    "deadlines",
    "expiry",
    "wipe",
    "active",
    "workers:",
    "keys",
    "outbox",
)
_TIMES = ("reaped_at", "hold_until", "seen:", "short:", "guard:")


def timeless(snapshot: Snapshot) -> dict[str, Any]:
    """Return all of a snapshot that does not depend on when things were done, to be compared."""
    return {
        "jobs": {job_id: _timeless_record(hash_) for job_id, hash_ in snapshot.jobs.items()},
        "zsets": {
            name: sorted(scores) if name.startswith(_TIMED) else scores
            for name, scores in snapshot.zsets.items()
        },
        "lists": snapshot.lists,
        "sets": snapshot.sets,
        "hashes": {
            name: sorted(hash_) if name.startswith("webhook_keys:") else _without_times(hash_)
            for name, hash_ in snapshot.hashes.items()
            if not name.startswith("pace:")
        },
        "events": snapshot.events,
        "strings": {
            name: value
            for name, value in snapshot.strings.items()
            if not name.startswith((*_TIMES, "worker:", "webhooks:"))
        },
        "webhooks": {
            name: [
                (event["id"], event["state"], event["tries"], event["failures"])
                for event in json.loads(text)["events"]
            ]
            for name, text in snapshot.strings.items()
            if name.startswith("webhooks:")
        },
    }


def _without_times(record: dict[str, str]) -> dict[str, Any]:
    timed = ("_at", " ms")
    return {name: bool(value) if name.endswith(timed) else value for name, value in record.items()}


def _timeless_record(record: dict[str, str]) -> dict[str, Any]:
    given = _without_times(record)
    given["attempts"] = [
        (attempt["worker"], attempt["outcome"])
        for attempt in json.loads(record.get("attempts") or "[]")
    ]
    return given


# The rules ----------------------------------------------------------------------------------------


def check_rules(snapshot: Snapshot) -> None:
    """Check every rule that holds between two scripts, whatever ran before."""
    for job_id, record in snapshot.jobs.items():
        _check_events(snapshot, job_id, record)
        _check_record(job_id, record)
        _check_indices(snapshot, job_id, record)
    _check_no_strays(snapshot)
    _check_outbox(snapshot)
    _check_tenants(snapshot)
    _check_stored(snapshot)
    _check_kept_keys(snapshot)


def _check_events(snapshot: Snapshot, job_id: str, record: dict[str, str]) -> None:
    versions = snapshot.event_versions[job_id]
    assert versions == list(range(1, int(record["version"]) + 1))
    statuses = snapshot.statuses(job_id)
    before = None
    for status in statuses:
        assert status in _NEXT.get(before, set()), f"{before} to {status}"
        before = status
    assert before == record["status"]
    if before in TERMINAL:
        assert snapshot.events[job_id][-1] == ("status", before), "an event after the end"
    assert statuses.count("running") == int(record["attempt"])
    assert statuses.count("queued") - 1 <= int(record["requeues"])


def _check_record(job_id: str, record: dict[str, str]) -> None:
    status = record["status"]
    assert bool(record.get("expires_at")) == (status in TERMINAL)
    assert bool(record.get("finished_at")) == (status in TERMINAL)
    assert bool(record.get("outputs")) == (status == "succeeded")
    assert bool(record.get("error")) == (status == "failed")
    assert (status == "running") <= bool(record.get("token"))
    assert (status == "queued") <= (not record.get("token") and not record.get("painting_at"))
    assert not (status == "succeeded" and record.get("cancel_requested_at")), "a promise broken"
    assert int(record["crashes"]) <= int(record["max_crashes"])
    if status == "succeeded":
        token = record["committed_token"]
        paths = [output["path"] for output in json.loads(record["outputs"])]
        assert all(path.startswith(f"jobs/{job_id}/{token}/") for path in paths)
    open_attempts = [
        attempt
        for attempt in json.loads(record.get("attempts") or "[]")
        if attempt["outcome"] is None
    ]
    assert len(open_attempts) == (status == "running")
    # What the API reads is a record: this raises if it is not.
    assert JobRecord.from_hash(record).status == status


def _check_indices(snapshot: Snapshot, job_id: str, record: dict[str, str]) -> None:
    status, queue, tenant = record["status"], record["queue"], record["tenant"]
    is_in = {
        "ready": job_id in snapshot.members("ready", queue),
        "own": job_id in snapshot.members("ready", queue, tenant, record["priority"]),
        "leases": job_id in snapshot.members("leases"),
        "deadlines": job_id in snapshot.members("deadlines"),
        "expiry": job_id in snapshot.members("expiry"),
        "active": job_id in snapshot.members("active", tenant),
        "of_key": job_id in snapshot.members("active_of_key", record["key_id"]),
    }
    expected = {
        "queued": {"ready", "own", "deadlines", "active", "of_key"},
        "running": {"leases", "active", "of_key"},
    }.get(status, {"expiry"})
    assert {name for name, present in is_in.items() if present} == expected, (status, is_in)
    _check_lists(snapshot, job_id, record)
    if status == "queued":
        assert snapshot.zsets[f"ready:{queue}"][job_id] == int(record["seq"])


def _check_lists(snapshot: Snapshot, job_id: str, record: dict[str, str]) -> None:
    """A job is in the list of its status, once with each of its tags and once without."""
    own = f"list:{record['tenant']}:{record['status']}:"
    expected = {own, *(own + tag for tag in record["tags"].split())}
    lists = {name for name in snapshot.zsets if name.startswith("list:")}
    assert {name for name in lists if job_id in snapshot.zsets[name]} == expected
    assert {snapshot.zsets[name][job_id] for name in expected} == {float(record["seq"])}


def _check_no_strays(snapshot: Snapshot) -> None:
    """Every entry of an index has its record."""
    indexed: set[str] = set()
    for name in snapshot.zsets:
        if name.startswith(("ready:", "active", "list:")) or name in (
            "leases",
            "deadlines",
            "expiry",
        ):
            indexed |= snapshot.members(name)
    assert indexed <= set(snapshot.jobs)
    assert set(snapshot.events) == set(snapshot.jobs)


def _check_tenants(snapshot: Snapshot) -> None:
    """A tenant is in line exactly while it has a waiting job."""
    waiting: defaultdict[str, set[str]] = defaultdict(set)
    for record in snapshot.jobs.values():
        if record["status"] == "queued":
            waiting[record["queue"]].add(record["tenant"])
    for queue in waiting:
        costs = [
            float(record["cost"])
            for record in snapshot.jobs.values()
            if (record["status"], record["queue"]) == ("queued", queue)
        ]
        assert abs(float(snapshot.strings[f"load:{queue}"]) - sum(costs)) < 1e-6
    assert {name for name in snapshot.strings if name.startswith("load:")} == {
        f"load:{q}" for q in waiting
    }
    lines = {name.removeprefix("tenants:") for name in snapshot.zsets if "tenants:" in name}
    assert lines == set(waiting)
    for queue, tenants in waiting.items():
        assert snapshot.members("tenants", queue) == tenants


def _check_outbox(snapshot: Snapshot) -> None:
    """A job is in its group's outbox exactly while something of it is to be told, at its time."""
    due: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for name, text in snapshot.strings.items():
        if not name.startswith("webhooks:"):
            continue
        job_id, webhooks = name.removeprefix("webhooks:"), json.loads(text)
        record = snapshot.jobs.get(job_id) or snapshot.hashes[f"batch:{job_id}"]
        # What is told of a batch goes when it goes, that of a job by the script that wipes it.
        assert (name in snapshot.kept) == (job_id in snapshot.jobs)
        assert webhooks["group"] == record["webhook_group"]
        ids = [event["id"] for event in webhooks["events"]]
        assert len(ids) == len(set(ids))
        assert {event["event"] for event in webhooks["events"]} <= set(
            record["webhook_events"].split()
        )
        pending = [event for event in webhooks["events"] if event["state"] == "pending"]
        if pending:
            leased = webhooks["leased_until"] if webhooks["token"] else 0
            due[webhooks["group"]][job_id] = leased or pending[0]["due"]
    for record_id, record in snapshot.jobs.items():
        told = f"job.{record['status']}" in record.get("webhook_events", "").split()
        assert not told or f"webhooks:{record_id}" in snapshot.strings, "an event was not told"
    for name, record in snapshot.hashes.items():
        if name.startswith("batch:") and record.get("webhook_events") and record["ended_at"]:
            subject = name.removeprefix("batch:")
            assert f"webhooks:{subject}" in snapshot.strings, "the end of a batch was not told"
    groups = {name: scores for name, scores in snapshot.zsets.items() if name.startswith("outbox:")}
    assert groups == {f"outbox:{group}": scores for group, scores in due.items()}
    firsts = {group: min(scores.values()) for group, scores in due.items()}
    assert snapshot.zsets.get("outbox", {}) == firsts


def _check_stored(snapshot: Snapshot) -> None:
    """The bytes of a tenant are those of its jobs, and once those that several hold."""
    stored: defaultdict[str, int] = defaultdict(int)
    holders: defaultdict[str, int] = defaultdict(int)
    for record in snapshot.jobs.values():
        stored[record["tenant"]] += int(record.get("stored_bytes") or 0)
        for upload_id in record.get("shares", "").split():
            holders[upload_id] += 1
    for name, uploads in snapshot.zsets.items():
        if name.startswith("uploads:"):
            for upload_id in uploads:
                holders[upload_id] += 1
    for name, shared in snapshot.hashes.items():
        if name.startswith("shared:"):
            stored[shared["tenant"]] += int(shared["bytes"])
    counted = {
        name.removeprefix("shared:"): int(shared["holders"])
        for name, shared in snapshot.hashes.items()
        if name.startswith("shared:")
    }
    assert counted == dict(holders)
    totals = {
        name.removeprefix("stored:"): int(text)
        for name, text in snapshot.strings.items()
        if name.startswith("stored:")
    }
    assert totals == {tenant: count for tenant, count in stored.items() if count}


_KEPT_FOR_EVER = (
    "counts:",
    "seq",
    "queues",
    "reaped_at",
    "hold_until",
    "seen:",
    "short:",
    "workers:",
    "webhook_keys:",
)
_KEPT_AS_KEYS = ("key:", "keys", "tenant_keys:")
_KEPT_WHILE_NEEDED = (
    "job:",
    "events:",
    "ready:",
    "tenants:",
    "served:",
    "active:",
    "active_of_key:",
    "wipe",
    "list:",
    "load:",
    "webhooks:",
    "stored:",
    "uploads:",
)
_INDICES = ("leases", "deadlines", "expiry", "outbox")


def _check_kept_keys(snapshot: Snapshot) -> None:
    """Nothing stays for ever but a few keys per deployment and queue."""
    known = (*_KEPT_FOR_EVER, *_KEPT_AS_KEYS, *_KEPT_WHILE_NEEDED, *_INDICES, "rq:")
    assert [name for name in snapshot.kept if not name.startswith(known)] == []


def kept_for_ever(snapshot: Snapshot) -> set[str]:
    """Return the keys without a time to live that no job accounts for."""
    return {name for name in snapshot.kept if not name.startswith(_KEPT_FOR_EVER)}
