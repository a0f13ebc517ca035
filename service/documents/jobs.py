"""Builds the documents of jobs, events and plans."""

from __future__ import annotations

from service.contract.jobs import (
    MAX_CRASHES,
    JobRecord,
    JobSpec,
    JobStatus,
    MaskAsked,
    MaskEffective,
    Output,
    Progress,
    ResizedOutput,
    Timings,
)
from service.documents.schemas import (
    Job,
    JobEvent,
    JobWebhook,
    Links,
    ListedJob,
    ListedLinks,
    MaskAnswer,
    OutputAnswer,
    Plan,
    ProgressAnswer,
    QueueAnswer,
    ResizedAnswer,
)
from service.store import JobView, StoredEvent
from service.store import ListedJob as StoredJob

_DONE = Progress(stage="encode", step=1, steps=1, fraction=1.0)
"""Progress of a succeeded job that has reported none."""


def describe_webhook(record: JobRecord, base_url: str) -> JobWebhook:
    """Build the body of a job's webhook.

    Args:
        record: the job as it was at the event.
        base_url: prefix of all URLs; empty for relative ones.
    """
    job = describe_job(JobView(record, None), base_url)
    return JobWebhook.model_validate({**dict(job), "type": f"job.{record.status}"})


def describe_job(view: JobView, base_url: str) -> Job:
    """Build the document of a job.

    Args:
        view: the record and its place in the queue.
        base_url: prefix of all URLs; empty for relative ones.
    """
    record, spec = view.record, view.record.spec
    url = f"{base_url}/jobs/{spec.job_id}"
    return Job(
        id=spec.job_id,
        version=record.version,
        operation=spec.operation,
        status=record.status,
        method=spec.method,
        model=spec.model,
        created_at=record.created_at,
        started_at=record.started_at,
        finished_at=record.finished_at,
        expires_at=record.expires_at,
        start_by_at=record.start_by_at,
        finish_by_at=record.finish_by_at,
        cancel_requested_at=record.cancel_requested_at,
        attempt=record.attempt,
        crashes=record.crashes,
        max_crashes=MAX_CRASHES,
        attempts=record.attempts,
        queue=QueueAnswer(position=view.position, eta_seconds=view.eta_seconds),
        progress=_describe_course(record, url),
        params=spec.params,
        mask=_describe_mask(spec.mask_asked or record.mask_asked, record.mask_effective),
        geometry=spec.geometry,
        warnings=[*spec.warnings, *record.warnings],
        outputs=[_describe_output(output, url) for output in record.outputs],
        recipe=record.recipe,
        timings=_describe_timings(record),
        error=record.error,
        tags=spec.params.tags or [],
        batch_id=spec.batch.batch_id if spec.batch else None,
        links=_describe_links(record, url),
    )


def describe_event(
    event: StoredEvent, job_id: str, base_url: str, view: JobView | None, preview_path: str | None
) -> JobEvent:
    """Build the document of an event.

    Args:
        event: as stored.
        job_id: its job.
        base_url: prefix of all URLs; empty for relative ones.
        view: the job, if it is part of the event.
        preview_path: of the last preview sent; another one makes progress a preview.
    """
    kind, progress = event.kind, None
    if kind == "progress":
        progress = Progress.model_validate_json(event.data, extra="ignore")
        if progress.preview_path not in (None, preview_path):
            kind = "preview"
    return JobEvent(
        type=kind,
        version=event.version,
        at=event.at,
        status=JobStatus(event.data) if kind == "status" else None,
        progress=_describe_progress(progress, f"{base_url}/jobs/{job_id}"),
        mask=MaskEffective.model_validate_json(event.data, extra="ignore")
        if kind == "mask"
        else None,
        job=describe_job(view, base_url) if view else None,
    )


def describe_skip(first: StoredEvent) -> JobEvent:
    """Build the event that says that events before this one are no longer kept."""
    return JobEvent(
        type="skipped",
        version=first.version - 1,
        at=first.at,
        status=None,
        progress=None,
        mask=None,
        job=None,
    )


def describe_listed(job: StoredJob, base_url: str) -> ListedJob:
    """Build the entry of a job in a list.

    Args:
        job: as the store lists it.
        base_url: prefix of all URLs; empty for relative ones.
    """
    spec, url = job.spec, f"{base_url}/jobs/{job.job_id}"
    return ListedJob(
        id=job.job_id,
        version=job.version,
        operation=spec["operation"],
        status=job.status,
        method=spec["method"],
        model=spec.get("model"),
        created_at=job.created_at,
        started_at=job.started_at,
        finished_at=job.finished_at,
        expires_at=job.expires_at,
        cancel_requested_at=job.cancel_requested_at,
        fraction=_find_fraction(job),
        error=job.error,
        tags=spec["params"].get("tags") or [],
        links=ListedLinks(
            self=url, result=f"{url}/result" if job.status is JobStatus.SUCCEEDED else None
        ),
    )


def describe_plan(spec: JobSpec, canvas: tuple[int, int]) -> Plan:
    """Build the document of a dry run.

    Args:
        spec: the job that it would become.
        canvas: width and height of each result.
    """
    width, height = canvas
    return Plan(
        operation=spec.operation,
        method=spec.method,
        model=spec.model,
        params=spec.params,
        mask=_describe_mask(spec.mask_asked, None),
        geometry=spec.geometry,
        warnings=spec.warnings,
        width=width,
        height=height,
        megapixels=width * height * _count_images(spec) / 1_000_000,
        cost=spec.cost,
        finders=spec.finders,
    )


def _count_images(spec: JobSpec) -> int:
    return 1 if spec.operation == "mask" else spec.paint_params.num_images or 1


def _describe_timings(record: JobRecord) -> Timings | None:
    """Add the time in the queue, which the record has and the horse does not know."""
    if record.timings is None or record.started_at is None:
        return record.timings
    queued = (record.started_at - record.created_at).total_seconds()
    return record.timings.model_copy(update={"queued_seconds": queued})


def _find_fraction(job: StoredJob) -> float | None:
    if job.status is JobStatus.SUCCEEDED:
        return 1.0
    return job.progress.fraction if job.progress else None


def _describe_course(record: JobRecord, url: str) -> ProgressAnswer | None:
    """Describe the last progress, and all of it once the job has succeeded."""
    if record.status is not JobStatus.SUCCEEDED:
        return _describe_progress(record.progress, url)
    last = record.progress or _DONE
    done = last.model_copy(update={"stage": "encode", "step": last.steps, "fraction": 1.0})
    return _describe_progress(done, url)


def _describe_progress(progress: Progress | None, url: str) -> ProgressAnswer | None:
    if progress is None:
        return None
    return ProgressAnswer(
        stage=progress.stage,
        step=progress.step,
        steps=progress.steps,
        fraction=progress.fraction,
        preview_url=f"{url}/preview" if progress.preview_path else None,
    )


def _describe_mask(asked: MaskAsked | None, effective: MaskEffective | None) -> MaskAnswer | None:
    if asked is None:
        return None
    return MaskAnswer(
        coverage=asked.coverage, box=asked.box, source=asked.source, effective=effective
    )


def _describe_output(output: Output, url: str) -> OutputAnswer:
    return OutputAnswer(
        index=output.index,
        url=f"{url}/results/{output.index}",
        format=output.format,
        width=output.width,
        height=output.height,
        bytes=output.bytes,
        sha256=output.sha256,
        seed=output.seed,
        estimate=output.estimate,
        proof=output.proof,
        resized=_describe_resized(output.resized, f"{url}/results/{output.index}/resized"),
    )


def _describe_resized(copy: ResizedOutput | None, url: str) -> ResizedAnswer | None:
    if copy is None:
        return None
    return ResizedAnswer(url=url, **copy.model_dump(exclude={"path"}))


def _describe_links(record: JobRecord, url: str) -> Links:
    return Links(
        self=url,
        result=f"{url}/result" if record.status is JobStatus.SUCCEEDED else None,
        mask=f"{url}/mask" if record.mask_path else None,
        events=f"{url}/events",
        deliveries=f"{url}/deliveries" if record.spec.params.webhook_url else None,
        cancel=None if record.status.is_terminal else f"{url}/cancel",
    )
