"""Every metric of every process, in the conventions of Prometheus.

Source: https://prometheus.io/docs/practices/naming/
"""

from __future__ import annotations

from service.telemetry.metrics import Family, Reading

API, COURIER, WORKER, HORSE = "api", "courier", "worker", "horse"

_SHORT = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
_LONG = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 25.0, 60.0, 180.0, 600.0, 3600.0)
_PAINTED = ("operation", "method", "model")

# HTTP ---------------------------------------------------------------------------------------------

HTTP_REQUESTS = Family(
    "paintjob_http_requests",
    "Requests that were answered.",
    "counter",
    ("method", "route", "status"),
    (API,),
)
HTTP_SECONDS = Family(
    "paintjob_http_request_duration_seconds",
    "Seconds from the head of a request to its response, waits that the client asked for included.",
    "histogram",
    ("method", "route"),
    (API,),
    _SHORT,
)
PROBLEMS = Family(
    "paintjob_http_problems",
    "Requests that were answered with a problem document, by its code: refusals and failures.",
    "counter",
    ("code", "status"),
    (API,),
)

# Jobs, counted once each by the scripts that end them: the courier reads the counts from Redis

JOBS_ENDED = Family(
    "paintjob_jobs_ended",
    "Jobs that have ended, by status and, if they failed, by code.",
    "counter",
    ("queue", "status", "code"),
    (COURIER,),
    is_read=True,
)
ATTEMPTS_ENDED = Family(
    "paintjob_attempts_ended",
    "Claims that have ended, by outcome.",
    "counter",
    ("outcome",),
    (COURIER,),
    is_read=True,
)

# The state of queues and broker, from the courier alone

QUEUE_WAITING = Family(
    "paintjob_queue_waiting_jobs", "Jobs that wait in a queue.", "gauge", ("queue",), (COURIER,)
)
QUEUE_OLDEST = Family(
    "paintjob_queue_oldest_age_seconds",
    "Seconds since the oldest waiting job of a queue was accepted; 0 if none waits.",
    "gauge",
    ("queue",),
    (COURIER,),
)
WORKERS = Family(
    "paintjob_workers",
    "Workers that are online, by state.",
    "gauge",
    ("queue", "state"),
    (COURIER,),
)
JOBS_RUNNING = Family("paintjob_running_jobs", "Jobs that workers hold.", "gauge", (), (COURIER,))
BROKER_BYTES = Family(
    "paintjob_broker_memory_bytes", "Memory that the broker uses.", "gauge", (), (COURIER,)
)
BROKER_SHARE = Family(
    "paintjob_broker_memory_ratio",
    "Share of its limit that the broker's memory takes; absent without a limit.",
    "gauge",
    (),
    (COURIER,),
)
BROKER_UP = Family(
    "paintjob_broker_up",
    "1 while the broker answers the courier, else 0.",
    "gauge",
    (),
    (COURIER,),
)
OUTBOX_GROUPS = Family(
    "paintjob_webhook_groups_waiting",
    "Receivers that have a webhook to come, sent first or again.",
    "gauge",
    (),
    (COURIER,),
)
OUTBOX_LATE = Family(
    "paintjob_webhook_overdue_seconds",
    "Seconds for which the webhook that is due longest has waited for its turn.",
    "gauge",
    (),
    (COURIER,),
)

# Webhooks -----------------------------------------------------------------------------------------

WEBHOOKS = Family(
    "paintjob_webhook_deliveries",
    "Deliveries of webhooks, by what became of the event and why it failed.",
    "counter",
    ("state", "error"),
    (COURIER,),
)
WEBHOOK_SECONDS = Family(
    "paintjob_webhook_duration_seconds",
    "Seconds that a delivery took.",
    "histogram",
    (),
    (COURIER,),
    _SHORT,
)

# Painting -----------------------------------------------------------------------------------------

WAIT_SECONDS = Family(
    "paintjob_job_wait_seconds",
    "Seconds from a job's acceptance to its first claim.",
    "histogram",
    _PAINTED,
    (WORKER,),
    _LONG,
)
LOAD_SECONDS = Family(
    "paintjob_job_load_seconds",
    "Seconds that loading the model took, for jobs whose model was not loaded.",
    "histogram",
    _PAINTED,
    (WORKER,),
    _LONG,
)
PAINT_SECONDS = Family(
    "paintjob_job_paint_seconds",
    "Seconds of the engine call that painted a job.",
    "histogram",
    _PAINTED,
    (WORKER,),
    _LONG,
)
ENCODE_SECONDS = Family(
    "paintjob_job_encode_seconds",
    "Seconds that compositing, encoding, proving and storing a job's pictures took.",
    "histogram",
    _PAINTED,
    (WORKER,),
    _LONG,
)
DURATION_SECONDS = Family(
    "paintjob_job_duration_seconds",
    "Seconds from a job's acceptance to its success.",
    "histogram",
    _PAINTED,
    (WORKER,),
    _LONG,
)
CALL_JOBS = Family(
    "paintjob_call_jobs",
    "Jobs that were claimed together, for one engine call.",
    "histogram",
    ("queue",),
    (WORKER,),
    (1, 2, 4, 8, 16, 32),
)
STEPS = Family(
    "paintjob_painted_steps",
    "Steps of the engine calls that painted jobs, counted for each job.",
    "counter",
    _PAINTED,
    (WORKER,),
)
STEP_SECONDS = Family(
    "paintjob_painted_steps_seconds",
    "Seconds that these steps took.",
    "counter",
    _PAINTED,
    (WORKER,),
)
MODEL_LOADS = Family(
    "paintjob_model_loads", "Models that were loaded.", "counter", ("model",), (WORKER,)
)
MODEL_EVICTIONS = Family(
    "paintjob_model_evictions",
    "Models that were unloaded to make room for others.",
    "counter",
    ("model",),
    (WORKER,),
)
MODELS_LOADED = Family(
    "paintjob_models_loaded", "1 for each model that is loaded.", "gauge", ("model",), (WORKER,)
)
HORSE_STARTS = Family(
    "paintjob_horse_starts", "Painting processes that were started.", "counter", (), (WORKER,)
)

# Everywhere ---------------------------------------------------------------------------------------

BROKER_SECONDS = Family(
    "paintjob_broker_call_duration_seconds",
    "Seconds of one call to the broker, by script.",
    "histogram",
    ("script",),
    (API, COURIER, WORKER),
    _SHORT,
)
BROKER_FAILURES = Family(
    "paintjob_broker_failures",
    "Calls to the broker that failed.",
    "counter",
    ("script",),
    (API, COURIER, WORKER),
)
BLOB_SECONDS = Family(
    "paintjob_blob_call_duration_seconds",
    "Seconds of one call to the blob store, by operation.",
    "histogram",
    ("operation",),
    (API, COURIER, WORKER, HORSE),
    _SHORT,
)
BLOB_FAILURES = Family(
    "paintjob_blob_failures",
    "Calls to the blob store that failed.",
    "counter",
    ("operation",),
    (API, COURIER, WORKER, HORSE),
)
MEMORY = Family(
    "paintjob_resident_memory_bytes",
    "Memory that processes of one kind have resident; that of a worker is its parent's.",
    "gauge",
    ("process",),
    (API, COURIER, WORKER),
)
BUILD = Family(
    "paintjob_build_info",
    "1, with the version of the program.",
    "gauge",
    ("version",),
    (API, COURIER, WORKER),
)

FAMILIES = tuple(value for value in list(globals().values()) if isinstance(value, Family))
"""All of them."""


def show_version(version: str) -> Reading:
    """Return a reading of the program's version."""
    return lambda: [(BUILD.name, (version,), 1.0)]


def families_of(process: str) -> tuple[Family, ...]:
    """Return the families that a process has."""
    return tuple(family for family in FAMILIES if process in family.processes)
