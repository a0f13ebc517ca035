# ruff: noqa: E501
# fmt: off
"""The documents of the service. Written by `make openapi`; do not edit.

Fields and values may be added by a newer service, so unknown ones are accepted and kept.
"""

from __future__ import annotations

from datetime import date, datetime
from typing import Any, Literal

from .answers import Document, Ending

JobStatus = Literal["queued", "running", "succeeded", "failed", "canceled"] | str


class Attempt(Document):
    """One claim of the job by a worker.

    Attributes:
        outcome: `succeeded`, `failed`, `canceled`, `crashed`, `hung`, `lease_expired`, `drained`,
        or `None` while it runs.
    """

    worker: str
    started_at: datetime
    ended_at: datetime | None = None
    outcome: str | None = None


class Batch(Ending):
    """Many items under one id.

    Attributes:
        status: `accepting` while its items are read, `ended` when every item has ended.
        fraction: Share of the items that have ended, 0..1.
        expires_at: When it is deleted; null until it ends.
        webhook_url: Where its document is sent once it has ended.
    """

    id: str
    status: Literal["accepting", "running", "ended"] | str
    total: int
    counts: BatchCounts
    fraction: float
    created_at: datetime
    ended_at: datetime | None = None
    expires_at: datetime | None = None
    tags: tuple[str, ...] = ()
    webhook_url: str | None = None
    links: BatchLinks


class BatchCounts(Document):
    """Numbers of items of a batch by state; together all of them.

    Attributes:
        unfinished: Queued, running, or not yet read.
        refused: Never became a job; `items` has the reasons.
        deleted: Deleted before they had ended.
    """

    unfinished: int
    succeeded: int
    failed: int
    canceled: int
    refused: int
    deleted: int


class BatchEvent(Document):
    """The data of one event of a batch's stream: the batch as it is then.

    Attributes:
        type: The event's name: `progress`; `ended`, the last event; `wiped` (the batch was deleted;
        the last event).
        batch: Null with `wiped`.
    """

    type: str
    batch: Batch | None = None


class BatchItem(Document):
    """One item of a batch.

    Attributes:
        index: Its place in `items` as sent, counted from 0.
        status: The status of its job, or `waiting`: not yet read; `refused`: see `problem`;
        `wiped`: the job was deleted.
        problem: Why it was refused.
        url: Of its job.
    """

    index: int
    status: Literal["waiting", "refused", "queued", "running", "succeeded", "failed", "canceled", "wiped"] | str
    job_id: str | None = None
    problem: Problem | None = None
    url: str | None = None


class BatchItems(Document):
    """A page of a batch's items, in the order in which they were sent.

    Attributes:
        next: URL of the next page; null on the last.
    """

    items: tuple[BatchItem, ...] = ()
    next: str | None = None


class BatchLinks(Document):
    """URLs of what belongs to the batch; null where there is nothing.

    Attributes:
        events: Its progress as Server-Sent Events.
        results: A zip of all results, once the batch has ended.
        deliveries: The deliveries of its webhook, if it has one.
    """

    self: str
    items: str
    events: str
    results: str | None = None
    cancel: str | None = None
    deliveries: str | None = None


class BatchList(Document):
    """One page of the caller's batches, newest first."""

    batches: tuple[Batch, ...] = ()
    links: PageLinks


class BatchPlan(Document):
    """The jobs that a batch would become. Nothing was queued or kept.

    Attributes:
        refused: Number of items that would be refused.
        megapixels: Of all results together.
        cost: What the jobs would count for together.
    """

    total: int
    refused: int
    megapixels: float
    cost: float
    items: tuple[PlannedItem, ...] = ()


class Box(Document):
    """A half-open box of pixels: `left` and `top` lie inside, `right` and `bottom` outside."""

    left: int
    top: int
    right: int
    bottom: int


class Deliveries(Document):
    """The webhooks of a job or a batch, and their deliveries.

    Attributes:
        deliveries: One for each event so far that had to be sent, oldest first.
    """

    deliveries: tuple[Delivery, ...] = ()


class Delivery(Document):
    """One event of a job or a batch, and its deliveries.

    Attributes:
        id: The `webhook-id` that every try of this event has.
        state: `dead`: given up; it is tried again only on request.
        next_try_at: Null unless pending.
        attempts: The last ten tries.
    """

    id: str
    event: Literal["job.running", "job.succeeded", "job.failed", "job.canceled", "batch.completed"] | str
    state: Literal["pending", "delivered", "dead"] | str
    created_at: datetime
    next_try_at: datetime | None = None
    tries: int
    attempts: tuple[DeliveryTry, ...] = ()


class DeliveryTry(Document):
    """One try to deliver a webhook. Of the receiver's answer nothing is kept but its status.

    Attributes:
        seconds: How long it took.
        status: HTTP status of the receiver; null if none came.
        error: `refused` (a status other than 2xx), `gone` (410), `redirected`, `timeout`,
        `unreachable`, `unresolvable`, `address_refused`, `tls_failed`, `invalid_answer`,
        `no_signing_key`, `url_refused` or `internal`; null when it was delivered.
    """

    at: datetime
    seconds: float
    status: int | None = None
    error: str | None = None


class Finder(Document):
    """A finder of what regions name; the first that answers a query is asked.

    Attributes:
        finds: The queries that it answers.
        is_pinned: Whether the hashes of all of its files are checked.
        extra: Extra of the installation that it needs.
        min_score: Default of `min_score`.
        group: Null for one that every worker has.
        configured: Whether it is served here.
    """

    name: str
    family: str
    finds: tuple[Literal["text", "subject", "background", "words", "points", "box"] | str, ...] = ()
    description: str
    licence: str
    commercial: bool
    is_pinned: bool
    memory_bytes: int | None = None
    extra: str | None = None
    min_score: float
    group: str | None = None
    configured: bool
    workers_online: int


class FinderChoice(Document):
    """The finder that answers the queries of one kind; by name of its entry."""

    query: Literal["text", "subject", "background", "words", "points", "box"] | str
    finder: str


class FoundThing(Document):
    """One thing that a finder found.

    Attributes:
        region: Which of `regions` asked for it, from 0.
        finder: The finder that found it.
        label: `text`, `subject`, `background`, `thing`, or the words sent.
        score: The finder's own measure, 0..1; 1 where it has none.
        box: left, top, right, bottom, half-open pixels.
        rle: Its pixels, in the form that `regions` take; in jobs of `POST /masks` alone, and null
        beyond half a megabyte of them together.
    """

    region: int
    finder: str
    label: str
    score: float
    box: tuple[int, ...] = ()
    rle: RunLengths | None = None


class Geometry(Document):
    """The canvas of an outpaint request.

    Attributes:
        width: width of the canvas in pixels.
        height: height of the canvas in pixels.
        original: the original's box on the canvas.
        margins: pixels added on each side.
        asked: the set of size parameters that the caller used.
    """

    width: int
    height: int
    original: Box
    margins: Margins
    asked: Literal["margins", "percent", "aspect_ratio", "canvas", "zoom_out"] | str


class InpaintParams(Document):
    """Parameters of `POST /inpaint`, without the pictures.

    Attributes:
        intent: What the caller wants: `remove` what the mask covers, `replace` it, or `modify` it;
        in outpainting `extend`. Sets what each method and model needs for it (`intents` of `GET
        /methods` and `GET /models`); parameters that are sent take precedence. Without it all
        defaults are those of the model.
        model: Name of a configured model; `generate` only.
        preset: Name of a preset of the model (`presets` of `GET /models`): values that belong
        together, such as a LoRA and its prompt. Takes precedence over the values of `intent`, and
        parameters that are sent over both; `generate` only.
        loras: LoRAs that the model offers (`loras` of `GET /models`), each once, with their scales;
        an empty list for none. `generate` only.
        reference: Second picture that the model sees beside the one it paints: the `original` with
        what the hole holds, the `mask`, white on black, or `none` (default). Not with
        `reference_image`. `generate` only, with models that take one.
        prompt: What to paint; `generate` only. A warning says where a model reads only its
        beginning.
        negative_prompt: What not to paint; `generate` only.
        prompt_template: Text around the prompt, which stands in place of `{prompt}`; set by some
        intents. `{prompt}` alone sends the prompt as it is. `generate` only.
        strength: Share of noise added; 1 ignores what the hole held; `generate` only.
        guidance_scale: How closely the prompt is followed; `generate` only.
        num_inference_steps: Denoising steps; `generate` only.
        region: Part of the picture that the model sees: `box`, a crop around the hole; `full`, all
        of it; `auto` (default), the one that shows the model more detail. `generate` only.
        padding: Pixels of surroundings around the hole that belong to the crop; by default as many
        as the model needs to see the context. Fewer than 32 count as 32, which blending needs.
        `generate` only.
        infill: Filling of the hole before the model runs: `neutral` gray, `blur`, the nearest
        `edge`, a `patch` fill, the `original`, pure `green`, which some LoRAs were trained on, or
        `none`; `auto` (default) depends on what the model reads. `generate` only.
        deterministic: `true`: the result does not depend on other jobs, because this one shares no
        call with them; `false` by default. `generate` only.
        seed: Drawn by the service when absent; always returned.
        num_images: Variants to paint; more than 1 needs a method whose results depend on the seed.
        quality: Time that a weight-free method spends; `balanced` by default.
        ground: `auto` (default): a weight-free method finds the ground (flat, graded, or a fine
        even texture) that meets the hole or the border, continues it, and does not repeat what
        exists once; `patch` draws lines and edges through the hole, and fills graphics flat;
        `recipe.details` lists what it found. `ignore`: it copies whatever looks alike, for a
        texture that `auto` mistakes for single things.
        output_format: Format of the result; `png` by default, whatever the input is.
        output_quality: Quality of `jpeg`, `webp` and `avif`; 95 by default. Refused for lossless
        output.
        output_lossless: `true`: `webp` keeps every pixel; `false` by default. Other formats have no
        choice: `png` always does, `jpeg` and `avif` never do.
        output_width: Width in pixels of a resized copy of each result, at `resized.url` of its
        output; alone, the height follows. The result itself is never scaled, and its proof holds
        for it alone.
        output_height: Height in pixels of the resized copy; alone, the width follows. With
        `output_width`, the copy is the largest that fits into both: it keeps its shape, and nothing
        is cropped.
        keep_metadata: `true`: the result keeps the EXIF data (without orientation, which is
        applied, and without the thumbnail, which would show what was painted over); `false` by
        default. Color profile and resolution are always kept.
        mask_source: `alpha`: the picture's own transparency is the mask; transparent pixels count
        as white. Instead of `mask` and `regions`.
        regions: What is white in the mask: boxes, polygons and run-lengths, and what is to be found
        (text, subject, points, words), in order. Instead of `mask` and `mask_source`. Not returned:
        the mask drawn from them is at `links.mask`.
        mask_polarity: Color of the mask that is repainted; `white_repaints` by default.
        mask_threshold: Luminance (with `mask_source`: 255 less the alpha) from which a mask pixel
        counts as white; 128 by default. Not with `regions`. If gray pixels are kept, a warning says
        how many, and which threshold repaints them.
        grow: Pixels to widen the mask by before painting; negative narrows; 0 by default.
        if_nothing: What happens if a finder finds nothing for one of the `regions`: `fail`
        (default), the job fails as `nothing_found`; `keep`, the region is left out, with the
        warning `nothing_found`, and if no other marks anything, the picture comes back unchanged.
        convert: `srgb`: a picture in CMYK is converted to sRGB, by its color profile if it has one,
        and the warning `converted_to_srgb` says so; kept pixels are those of the converted picture.
        Without it such a picture is refused. Others stay as they are.
        priority: Order among the caller's own jobs; `normal` by default.
        tags: Short texts that the job returns; `GET /jobs` filters by them.
        start_within_seconds: Fail the job if no worker has claimed it by then.
        finish_within_seconds: Fail the job if it has not ended so long after it was accepted. By
        default it has 3600 seconds from its first claim by a worker, for which it waits a day at
        most.
        ttl_seconds: Seconds that the ended job and its pictures are kept; 86400 by default, 600
        with `no_store`, and then at most 3600.
        no_store: `true`: the job and its pictures are wiped as soon as the result has been
        delivered to the first `GET` that reads all of it (no `Range`); `false` by default. Not with
        `num_images` above 1.
        cancel_on_disconnect: `true`: the job is canceled when a client that waits for it (`Prefer:
        wait`) or follows its events disconnects before it ends; `false` by default. Behind a proxy
        a client has disconnected when the proxy closes its own connection.
        webhook_url: Receives the job's document, signed, at the events of `webhook_events`: an
        https URL on a public address, without user and fragment. Tried for 24 hours, but no longer
        than the job is kept.
        webhook_events: Events sent to `webhook_url`, each once: by default the three ends,
        `job.succeeded`, `job.failed` and `job.canceled`.
        method: `auto` by default: `generate` if a model is the default, else `patch`.
        grow_by_model: `true`: a model that finds effects of the object past the mask, such as its
        shadow, may enlarge the mask over them; `false` by default. `links.mask` then shows the
        enlarged mask, the proof is about it, and a warning says by how much. `generate` only, with
        models that find such.
        feather: Pixels, from the edge of the mask inward, over which the painted content fades into
        the original; 0 by default. Kept pixels are never touched. Must be 0 with `mask_source`,
        where the original is transparent.
    """

    intent: Literal["remove", "replace", "modify", "extend"] | str | None = None
    model: str | None = None
    preset: str | None = None
    loras: tuple[LoraUse, ...] | None = None
    reference: Literal["none", "original", "mask"] | str | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    prompt_template: str | None = None
    strength: float | None = None
    guidance_scale: float | None = None
    num_inference_steps: int | None = None
    region: Literal["auto", "box", "full"] | str | None = None
    padding: int | None = None
    infill: Literal["auto", "none", "neutral", "blur", "edge", "patch", "original", "green"] | str | None = None
    deterministic: bool | None = None
    seed: int | None = None
    num_images: int | None = None
    quality: Literal["fast", "balanced", "best"] | str | None = None
    ground: Literal["auto", "ignore"] | str | None = None
    output_format: Literal["png", "jpeg", "webp", "avif"] | str | None = None
    output_quality: int | None = None
    output_lossless: bool | None = None
    output_width: int | None = None
    output_height: int | None = None
    keep_metadata: bool | None = None
    mask_source: Literal["alpha"] | str | None = None
    regions: tuple[Region, ...] | None = None
    mask_polarity: Literal["white_repaints", "black_repaints"] | str | None = None
    mask_threshold: int | None = None
    grow: int | None = None
    if_nothing: Literal["fail", "keep"] | str | None = None
    convert: Literal["srgb"] | str | None = None
    priority: Literal["high", "normal", "low"] | str | None = None
    tags: tuple[str, ...] | None = None
    start_within_seconds: int | None = None
    finish_within_seconds: int | None = None
    ttl_seconds: int | None = None
    no_store: bool | None = None
    cancel_on_disconnect: bool | None = None
    webhook_url: str | None = None
    webhook_events: tuple[Literal["job.running", "job.succeeded", "job.failed", "job.canceled"] | str, ...] | None = None
    method: Literal["auto", "patch", "generate"] | str | None = None
    grow_by_model: bool | None = None
    feather: int | None = None


class IntentSettings(Document):
    """Values that an intent sets: those of its preset, if it has one, come before its own.

    Attributes:
        infill: Filling of the hole beforehand.
        strength: Share of noise added.
        grow: Pixels to widen the mask by.
        prompt_template: Text around the prompt.
        reference: Second picture that the model sees.
        loras: LoRAs of the model, and their scales.
        description: One sentence for people.
        preset: Preset of the model.
    """

    infill: Literal["auto", "none", "neutral", "blur", "edge", "patch", "original", "green"] | str | None = None
    strength: float | None = None
    grow: int | None = None
    prompt_template: str | None = None
    reference: Literal["none", "original", "mask"] | str | None = None
    loras: tuple[LoraUse, ...] | None = None
    description: str
    preset: str | None = None


class Job(Ending):
    """One accepted request, its state and its results.

    Attributes:
        version: Grows with every change of the job.
        method: The method that paints, never `auto`; `find` where only a mask is made.
        expires_at: When job and pictures are deleted; null until it ends.
        attempt: How often a worker has claimed the job.
        attempts: The last ten.
        params: Every effective parameter, with defaults and the seed. Null where the method does
        not support it.
        mask: Null in outpainting, and until finders have found it.
        batch_id: The batch that it belongs to, if to any.
    """

    id: str
    version: int
    operation: Literal["inpaint", "outpaint", "mask"] | str
    status: JobStatus
    method: str
    model: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    start_by_at: datetime | None = None
    finish_by_at: datetime
    cancel_requested_at: datetime | None = None
    attempt: int
    crashes: int
    max_crashes: int
    attempts: tuple[Attempt, ...] = ()
    queue: Queue
    progress: Progress | None = None
    params: InpaintParams | OutpaintParams | MaskParams
    mask: Mask | None = None
    geometry: Geometry | None = None
    warnings: tuple[JobWarning, ...] = ()
    outputs: tuple[Output, ...] = ()
    recipe: Recipe | None = None
    timings: Timings | None = None
    error: JobFailure | None = None
    tags: tuple[str, ...] = ()
    batch_id: str | None = None
    links: Links


class JobEvent(Document):
    """The data of one event of a job's stream. Which fields are null depends on `type`.

    Attributes:
        type: The event's name: `status`, `painting` (the worker has begun to paint), `progress`,
        `preview` (progress with a new preview), `mask` (the effective mask can be fetched),
        `cancel_requested`, `skipped` (events before the next one are no longer kept), `wiped` (the
        job was deleted; the last event).
        version: The job's version after the event.
        status: With `status`.
        progress: With `progress` and `preview`.
        mask: With `mask`; the picture is at `links.mask`.
        job: The whole job, with the `status` that ends it, which is the last event.
    """

    type: str
    version: int
    at: datetime
    status: JobStatus | None = None
    progress: Progress | None = None
    mask: MaskEffective | None = None
    job: Job | None = None


class JobFailure(Document):
    """The reason why a job failed, without traceback or prompt."""

    code: str
    title: str
    detail: str
    retryable: bool


class JobList(Document):
    """One page of the caller's jobs, newest first."""

    jobs: tuple[ListedJob, ...] = ()
    links: PageLinks


class JobWarning(Document):
    """A hint for the caller that is no reason to refuse."""

    code: str
    detail: str


class Limits(Document):
    """Limits of requests.

    Attributes:
        min_side_pixels: Shortest side of a picture for `generate`; the weight-free methods take
        any.
        takes_image_urls: Whether JSON may name pictures by URL.
        max_painted_pixels: Canvas times `num_images`.
        max_side_pixels: Longest side of a picture or canvas.
        max_aspect: Limit of the longer side of a picture or canvas divided by the shorter one, for
        `generate`.
        input_formats: Formats of `image` here: `png`, `jpeg`, `webp`, `tiff`, `avif`, `heic`. Masks
        are `png`, `jpeg` or `webp`.
        output_formats: Values of `output_format` here.
        max_unfinished_jobs: Of your tenant.
        max_stored_jobs: Of your tenant, ended or not. Null: any.
        max_stored_batches: Of your tenant. Null: any number.
        max_stored_uploads: Of your tenant. Null: any number.
        max_stored_bytes: Inputs, results and uploads of your tenant. Null: any number.
        stored: What counts against these limits. Null while the broker does not answer.
        max_unfinished_jobs_of_key: Null: as the tenant's.
        max_requests_per_minute: Of your key. Null: any number.
        max_megapixels_per_minute: Of your key, by the `cost` that `dry_run` returns. Null: any
        number.
        max_wait_seconds: Limit for `Prefer: wait`.
        max_waiting_clients: Clients that may wait or follow events at once, in each process of the
        API.
        max_waiting_clients_of_key: The same for one API key.
        max_worker_absence_seconds: Jobs are refused when no worker of their queue was seen for so
        long; 0: never.
        max_broker_memory_share: Jobs are refused when so much of the broker's memory is used.
        min_store_free_bytes: Jobs are refused when less is free for pictures.
        pressure: Null while broker or store do not answer.
    """

    max_body_bytes: int
    max_json_body_bytes: int
    max_part_bytes: int
    min_side_pixels: int
    takes_image_urls: bool
    max_image_pixels: int
    max_canvas_pixels: int
    max_painted_pixels: int
    max_side_pixels: int
    max_aspect: int
    max_num_images: int
    input_formats: tuple[str, ...] = ()
    output_formats: tuple[Literal["png", "jpeg", "webp", "avif"] | str, ...] = ()
    max_queued_jobs: int
    max_unfinished_jobs: int
    max_stored_jobs: int | None = None
    max_stored_batches: int | None = None
    max_stored_uploads: int | None = None
    max_stored_bytes: int | None = None
    stored: Stored | None = None
    max_unfinished_jobs_of_key: int | None = None
    max_requests_per_minute: int | None = None
    max_megapixels_per_minute: float | None = None
    max_finish_within_seconds: int
    max_ttl_seconds: int
    max_wait_seconds: int
    max_waiting_clients: int
    max_waiting_clients_of_key: int
    max_worker_absence_seconds: float
    max_broker_memory_share: float
    min_store_free_bytes: int
    pressure: Pressure | None = None


class Links(Document):
    """URLs of what belongs to the job; null where there is nothing.

    Attributes:
        deliveries: Null for a job without `webhook_url`.
    """

    self: str
    result: str | None = None
    mask: str | None = None
    events: str | None = None
    deliveries: str | None = None
    cancel: str | None = None


class ListedJob(Ending):
    """A job in a list. Every field means the same as in the job's own document.

    Attributes:
        fraction: Share of the whole job that is done, 0..1; null while it is unknown.
    """

    id: str
    version: int
    operation: Literal["inpaint", "outpaint", "mask"] | str
    status: JobStatus
    method: str
    model: str | None = None
    created_at: datetime
    started_at: datetime | None = None
    finished_at: datetime | None = None
    expires_at: datetime | None = None
    cancel_requested_at: datetime | None = None
    fraction: float | None = None
    error: JobFailure | None = None
    tags: tuple[str, ...] = ()
    links: ListedLinks


class ListedLinks(Document):
    """URLs of a job and its result."""

    self: str
    result: str | None = None


class Lora(Document):
    """One LoRA that a request may name.

    Attributes:
        scale: How strongly it counts unless the request says.
        withheld: Why it is not offered here; empty if it is.
    """

    description: str
    licence: str
    scale: float
    withheld: str


class LoraUse(Document):
    """A LoRA that a request asks for.

    Attributes:
        name: Name in `loras` of the model.
        scale: How strongly it counts; by default as the model says.
    """

    name: str
    scale: float | None = None


class Margins(Document):
    """Pixels added on each side, each >= 0."""

    left: int
    top: int
    right: int
    bottom: int


class Mask(Document):
    """The mask as sent or found, and the effective one once a worker has widened it.

    Attributes:
        coverage: Share of the picture that the request marks to be repainted.
        box: left, top, right, bottom; half-open pixels.
        source: Whether it is a picture, the image's own transparency or regions.
        effective: Null until a worker has posted it.
    """

    coverage: float
    box: tuple[int, ...] = ()
    source: Literal["mask", "alpha", "regions"] | str
    effective: MaskEffective | None = None


class MaskEffective(Document):
    """The mask that is painted: after `grow`. Posted by the horse before it paints.

    Attributes:
        coverage: share of the picture repainted.
        box: left, top, right, bottom, half-open pixels.
        components: number of 8-connected parts.
        found: Things that finders found for it, by region and score; at most 500.
    """

    coverage: float
    box: tuple[int, ...] = ()
    components: int
    found: tuple[FoundThing, ...] = ()


class MaskParams(Document):
    """Parameters of `POST /masks`, without the pictures.

    Attributes:
        mask_source: `alpha`: the picture's own transparency is the mask; transparent pixels count
        as white. Instead of `mask` and `regions`.
        regions: What is white in the mask: boxes, polygons and run-lengths, and what is to be found
        (text, subject, points, words), in order. Instead of `mask` and `mask_source`. Not returned:
        the mask drawn from them is at `links.mask`.
        mask_polarity: Color of the mask that is repainted; `white_repaints` by default.
        mask_threshold: Luminance (with `mask_source`: 255 less the alpha) from which a mask pixel
        counts as white; 128 by default. Not with `regions`. If gray pixels are kept, a warning says
        how many, and which threshold repaints them.
        grow: Pixels to widen the mask by before painting; negative narrows; 0 by default.
        if_nothing: What happens if a finder finds nothing for one of the `regions`: `fail`
        (default), the job fails as `nothing_found`; `keep`, the region is left out, with the
        warning `nothing_found`, and if no other marks anything, the picture comes back unchanged.
        convert: `srgb`: a picture in CMYK is converted to sRGB, by its color profile if it has one,
        and the warning `converted_to_srgb` says so; kept pixels are those of the converted picture.
        Without it such a picture is refused. Others stay as they are.
        priority: Order among the caller's own jobs; `normal` by default.
        tags: Short texts that the job returns; `GET /jobs` filters by them.
        start_within_seconds: Fail the job if no worker has claimed it by then.
        finish_within_seconds: Fail the job if it has not ended so long after it was accepted. By
        default it has 3600 seconds from its first claim by a worker, for which it waits a day at
        most.
        ttl_seconds: Seconds that the ended job and its pictures are kept; 86400 by default, 600
        with `no_store`, and then at most 3600.
        no_store: `true`: the job and its pictures are wiped as soon as the result has been
        delivered to the first `GET` that reads all of it (no `Range`); `false` by default. Not with
        `num_images` above 1.
        cancel_on_disconnect: `true`: the job is canceled when a client that waits for it (`Prefer:
        wait`) or follows its events disconnects before it ends; `false` by default. Behind a proxy
        a client has disconnected when the proxy closes its own connection.
        webhook_url: Receives the job's document, signed, at the events of `webhook_events`: an
        https URL on a public address, without user and fragment. Tried for 24 hours, but no longer
        than the job is kept.
        webhook_events: Events sent to `webhook_url`, each once: by default the three ends,
        `job.succeeded`, `job.failed` and `job.canceled`.
        method: `find`, the only one.
    """

    mask_source: Literal["alpha"] | str | None = None
    regions: tuple[Region, ...] | None = None
    mask_polarity: Literal["white_repaints", "black_repaints"] | str | None = None
    mask_threshold: int | None = None
    grow: int | None = None
    if_nothing: Literal["fail", "keep"] | str | None = None
    convert: Literal["srgb"] | str | None = None
    priority: Literal["high", "normal", "low"] | str | None = None
    tags: tuple[str, ...] | None = None
    start_within_seconds: int | None = None
    finish_within_seconds: int | None = None
    ttl_seconds: int | None = None
    no_store: bool | None = None
    cancel_on_disconnect: bool | None = None
    webhook_url: str | None = None
    webhook_events: tuple[Literal["job.running", "job.succeeded", "job.failed", "job.canceled"] | str, ...] | None = None
    method: Literal["find"] | str | None = None


class Method(Document):
    """One method.

    Attributes:
        available: Whether this deployment is configured for it.
        is_default: Whether `auto` chooses it where no other parameter decides.
        auto_model: The model that `auto` then means: an eraser, or the default; null if none.
        variants: Whether `num_images` may be more than 1.
        intents: The intents that it honors, each with what it sets unless the request does; for
        `generate` those of any model here, which itself says what it sets.
        unsupported_fields: Parameters that are refused with it.
    """

    name: str
    operation: Literal["inpaint", "outpaint", "mask"] | str
    summary: str
    available: bool
    is_default: bool
    auto_model: str | None = None
    needs_model: bool
    variants: bool
    engine: str
    intents: dict[str, Any]
    unsupported_fields: tuple[str, ...] = ()
    workers_online: int


class MethodList(Document):
    """The methods, weight-free ones first."""

    methods: tuple[Method, ...] = ()


class Model(Document):
    """One model: served here, or known, so that the operator can add it.

    Attributes:
        kind: What it is for.
        extends: Whether it paints beyond a picture's border.
        variants: Whether `num_images` may be more than 1.
        configured: Whether this deployment serves it.
        is_pinned: Whether the SHA-256 of all its files is known, and checked at every load.
        commercial: Whether its licence allows commercial use.
        is_default: Whether `auto`, and `generate` without a model, mean it.
        memory_bytes: Accelerator memory that it needs, roughly.
        conditioning: How the model receives the kept pixels.
        guidance: What `guidance_scale` means for it.
        sees_hole: Whether it sees the original pixels of the hole.
        unsupported_fields: Parameters of `generate` that are refused with it.
        size_multiple: Sides are scaled to a multiple of this, in pixels.
        native_pixels: Area in pixels that the model paints best.
        intents: The intents that it honors, each with what it sets unless the request does.
        presets: Values of `preset`, and what each sets; those alone whose LoRAs are offered.
        loras: LoRAs that `loras` may name.
    """

    name: str
    family: str
    kind: Literal["diffusion", "eraser", "finder"] | str
    extends: bool
    variants: bool
    description: str
    configured: bool
    revision: str | None = None
    is_pinned: bool
    dtype: str
    licence: str
    commercial: bool
    is_default: bool
    memory_bytes: int | None = None
    conditioning: Literal["channels", "blend", "control", "reference", "patches"] | str
    guidance: Literal["cfg", "true_cfg", "distilled", "none"] | str
    sees_hole: bool
    unsupported_fields: tuple[str, ...] = ()
    size_multiple: int
    native_pixels: int
    max_batch: int
    defaults: ModelDefaults
    intents: dict[str, Any]
    presets: dict[str, Any]
    loras: dict[str, Any]
    workers_online: int


class ModelDefaults(Document):
    """Values that `generate` uses when the caller sends none."""

    strength: float
    guidance_scale: float
    num_inference_steps: int
    negative_prompt: str


class ModelList(Document):
    """The models and finders that are served here, then those that could be added."""

    models: tuple[Model, ...] = ()
    finders: tuple[Finder, ...] = ()


class OutpaintParams(Document):
    """Parameters of `POST /outpaint`, without the picture; exactly one set of size parameters.

    Attributes:
        intent: What the caller wants: `remove` what the mask covers, `replace` it, or `modify` it;
        in outpainting `extend`. Sets what each method and model needs for it (`intents` of `GET
        /methods` and `GET /models`); parameters that are sent take precedence. Without it all
        defaults are those of the model.
        model: Name of a configured model; `generate` only.
        preset: Name of a preset of the model (`presets` of `GET /models`): values that belong
        together, such as a LoRA and its prompt. Takes precedence over the values of `intent`, and
        parameters that are sent over both; `generate` only.
        loras: LoRAs that the model offers (`loras` of `GET /models`), each once, with their scales;
        an empty list for none. `generate` only.
        reference: Second picture that the model sees beside the one it paints: the `original` with
        what the hole holds, the `mask`, white on black, or `none` (default). Not with
        `reference_image`. `generate` only, with models that take one.
        prompt: What to paint; `generate` only. A warning says where a model reads only its
        beginning.
        negative_prompt: What not to paint; `generate` only.
        prompt_template: Text around the prompt, which stands in place of `{prompt}`; set by some
        intents. `{prompt}` alone sends the prompt as it is. `generate` only.
        strength: Share of noise added; 1 ignores what the hole held; `generate` only.
        guidance_scale: How closely the prompt is followed; `generate` only.
        num_inference_steps: Denoising steps; `generate` only.
        region: Part of the picture that the model sees: `box`, a crop around the hole; `full`, all
        of it; `auto` (default), the one that shows the model more detail. `generate` only.
        padding: Pixels of surroundings around the hole that belong to the crop; by default as many
        as the model needs to see the context. Fewer than 32 count as 32, which blending needs.
        `generate` only.
        infill: Filling of the hole before the model runs: `neutral` gray, `blur`, the nearest
        `edge`, a `patch` fill, the `original`, pure `green`, which some LoRAs were trained on, or
        `none`; `auto` (default) depends on what the model reads. `generate` only.
        deterministic: `true`: the result does not depend on other jobs, because this one shares no
        call with them; `false` by default. `generate` only.
        seed: Drawn by the service when absent; always returned.
        num_images: Variants to paint; more than 1 needs a method whose results depend on the seed.
        quality: Time that a weight-free method spends; `balanced` by default.
        ground: `auto` (default): a weight-free method finds the ground (flat, graded, or a fine
        even texture) that meets the hole or the border, continues it, and does not repeat what
        exists once; `patch` draws lines and edges through the hole, and fills graphics flat;
        `recipe.details` lists what it found. `ignore`: it copies whatever looks alike, for a
        texture that `auto` mistakes for single things.
        output_format: Format of the result; `png` by default, whatever the input is.
        output_quality: Quality of `jpeg`, `webp` and `avif`; 95 by default. Refused for lossless
        output.
        output_lossless: `true`: `webp` keeps every pixel; `false` by default. Other formats have no
        choice: `png` always does, `jpeg` and `avif` never do.
        output_width: Width in pixels of a resized copy of each result, at `resized.url` of its
        output; alone, the height follows. The result itself is never scaled, and its proof holds
        for it alone.
        output_height: Height in pixels of the resized copy; alone, the width follows. With
        `output_width`, the copy is the largest that fits into both: it keeps its shape, and nothing
        is cropped.
        keep_metadata: `true`: the result keeps the EXIF data (without orientation, which is
        applied, and without the thumbnail, which would show what was painted over); `false` by
        default. Color profile and resolution are always kept.
        convert: `srgb`: a picture in CMYK is converted to sRGB, by its color profile if it has one,
        and the warning `converted_to_srgb` says so; kept pixels are those of the converted picture.
        Without it such a picture is refused. Others stay as they are.
        priority: Order among the caller's own jobs; `normal` by default.
        tags: Short texts that the job returns; `GET /jobs` filters by them.
        start_within_seconds: Fail the job if no worker has claimed it by then.
        finish_within_seconds: Fail the job if it has not ended so long after it was accepted. By
        default it has 3600 seconds from its first claim by a worker, for which it waits a day at
        most.
        ttl_seconds: Seconds that the ended job and its pictures are kept; 86400 by default, 600
        with `no_store`, and then at most 3600.
        no_store: `true`: the job and its pictures are wiped as soon as the result has been
        delivered to the first `GET` that reads all of it (no `Range`); `false` by default. Not with
        `num_images` above 1.
        cancel_on_disconnect: `true`: the job is canceled when a client that waits for it (`Prefer:
        wait`) or follows its events disconnects before it ends; `false` by default. Behind a proxy
        a client has disconnected when the proxy closes its own connection.
        webhook_url: Receives the job's document, signed, at the events of `webhook_events`: an
        https URL on a public address, without user and fragment. Tried for 24 hours, but no longer
        than the job is kept.
        webhook_events: Events sent to `webhook_url`, each once: by default the three ends,
        `job.succeeded`, `job.failed` and `job.canceled`.
        method: `auto` by default: `generate` if a model is the default, else `pattern`.
        left: Pixels to add on the left.
        top: Pixels to add on top.
        right: Pixels to add on the right.
        bottom: Pixels to add at the bottom.
        left_percent: Percent of the picture's width to add on the left, rounded half up.
        top_percent: Percent of the picture's height to add on top.
        right_percent: Percent of the picture's width to add on the right.
        bottom_percent: Percent of the picture's height to add at the bottom.
        aspect_ratio: Width to height of the canvas: "16:9" or a number. Not together with margins.
        width: Width of the canvas in pixels; requires `height`.
        height: Height of the canvas in pixels; requires `width`.
        x: Position of the original's left edge on the canvas; requires `width`.
        y: Position of the original's top edge on the canvas; requires `height`.
        zoom_out: Factor by which the canvas is wider and higher than the picture; the original
        keeps its pixels.
        anchor: Position of the original on the canvas; `center` by default; with `aspect_ratio`,
        `zoom_out`, or `width` and `height`.
        overlap: Pixels inward from the sides that are extended, over which the original may be
        blended with the painted content; 0 by default: it stays untouched. `proof` counts the band
        separately.
        mirror_style: `guided` (default): `mirror` starts from the reflection and removes the
        visible axis; `exact`: the bare reflection.
    """

    intent: Literal["remove", "replace", "modify", "extend"] | str | None = None
    model: str | None = None
    preset: str | None = None
    loras: tuple[LoraUse, ...] | None = None
    reference: Literal["none", "original", "mask"] | str | None = None
    prompt: str | None = None
    negative_prompt: str | None = None
    prompt_template: str | None = None
    strength: float | None = None
    guidance_scale: float | None = None
    num_inference_steps: int | None = None
    region: Literal["auto", "box", "full"] | str | None = None
    padding: int | None = None
    infill: Literal["auto", "none", "neutral", "blur", "edge", "patch", "original", "green"] | str | None = None
    deterministic: bool | None = None
    seed: int | None = None
    num_images: int | None = None
    quality: Literal["fast", "balanced", "best"] | str | None = None
    ground: Literal["auto", "ignore"] | str | None = None
    output_format: Literal["png", "jpeg", "webp", "avif"] | str | None = None
    output_quality: int | None = None
    output_lossless: bool | None = None
    output_width: int | None = None
    output_height: int | None = None
    keep_metadata: bool | None = None
    convert: Literal["srgb"] | str | None = None
    priority: Literal["high", "normal", "low"] | str | None = None
    tags: tuple[str, ...] | None = None
    start_within_seconds: int | None = None
    finish_within_seconds: int | None = None
    ttl_seconds: int | None = None
    no_store: bool | None = None
    cancel_on_disconnect: bool | None = None
    webhook_url: str | None = None
    webhook_events: tuple[Literal["job.running", "job.succeeded", "job.failed", "job.canceled"] | str, ...] | None = None
    method: Literal["auto", "mirror", "pattern", "generate"] | str | None = None
    left: int | None = None
    top: int | None = None
    right: int | None = None
    bottom: int | None = None
    left_percent: float | None = None
    top_percent: float | None = None
    right_percent: float | None = None
    bottom_percent: float | None = None
    aspect_ratio: float | str | None = None
    width: int | None = None
    height: int | None = None
    x: int | None = None
    y: int | None = None
    zoom_out: float | None = None
    anchor: Literal["center", "top", "bottom", "left", "right", "top_left", "top_right", "bottom_left", "bottom_right"] | str | None = None
    overlap: int | None = None
    mirror_style: Literal["exact", "guided"] | str | None = None


class Output(Document):
    """One result: a painted picture with the proof that kept pixels are unchanged, or a mask.

    Attributes:
        seed: 0 for a mask, which has none.
        estimate: The method's own estimate of how similar its result is to the right one, 0..1: an
        MS-SSIM, judged without seeing that. Null where the method does not judge.
        resized: The copy in the size of `output_width` and `output_height`; null without them.
    """

    index: int
    url: str
    format: str
    width: int
    height: int
    bytes: int
    sha256: str
    seed: int
    estimate: float | None = None
    proof: Proof
    resized: Resized | None = None


class PageLinks(Document):
    """URLs of this page and the next one.

    Attributes:
        next: The next page; null on the last.
    """

    self: str
    next: str | None = None


class Plan(Document):
    """The job that a request would become. Nothing was queued or kept.

    Attributes:
        method: The method that would paint; never `auto`.
        params: Every effective parameter, as the job would have it; `seed` is null unless it was
        sent.
        mask: As the job would have it.
        geometry: As the job would have it.
        warnings: Likely mistakes in the request; queue and workers are not checked.
        width: Width of each result in pixels.
        height: Height of each result in pixels.
        megapixels: Millions of pixels of all results together.
        cost: What the job would count for in the queue and against limits.
        finders: The finders that would look for `regions`; `mask` is null then, and `cost` has the
        picture's megapixels for each region.
    """

    operation: Literal["inpaint", "outpaint", "mask"] | str
    method: str
    model: str | None = None
    params: InpaintParams | OutpaintParams | MaskParams
    mask: Mask | None = None
    geometry: Geometry | None = None
    warnings: tuple[JobWarning, ...] = ()
    width: int
    height: int
    megapixels: float
    cost: float
    finders: tuple[FinderChoice, ...] = ()


class PlannedItem(Document):
    """The job that one item of a batch would become, or why it would be refused.

    Attributes:
        index: Its place in `items` as sent, counted from 0.
        plan: Null if it would be refused.
        problem: Why it would be refused.
    """

    index: int
    plan: Plan | None = None
    problem: Problem | None = None


class Preset(Document):
    """Values that belong together, such as a LoRA and the prompt that it was trained on.

    Attributes:
        infill: Filling of the hole beforehand.
        strength: Share of noise added.
        grow: Pixels to widen the mask by.
        prompt_template: Text around the prompt.
        reference: Second picture that the model sees.
        loras: LoRAs of the model, and their scales.
        description: One sentence for people.
    """

    infill: Literal["auto", "none", "neutral", "blur", "edge", "patch", "original", "green"] | str | None = None
    strength: float | None = None
    grow: int | None = None
    prompt_template: str | None = None
    reference: Literal["none", "original", "mask"] | str | None = None
    loras: tuple[LoraUse, ...] | None = None
    description: str


class Pressure(Document):
    """Free space and queues, at most a second old.

    Attributes:
        broker_max_bytes: Null: no bound.
        store_free_bytes: Null: no bound.
        refuses_with: Code with which any job would be refused.
    """

    broker_used_bytes: int | None = None
    broker_max_bytes: int | None = None
    store_free_bytes: int | None = None
    refuses_with: str | None = None
    queues: tuple[QueuePressure, ...] = ()


class Problem(Document):
    """An error, as in RFC 9457. No input is repeated.

    Attributes:
        type: URL of a page about the code.
    """

    type: str
    title: str
    status: int
    detail: str
    code: str
    retryable: bool
    request_id: str
    errors: tuple[ProblemFault, ...] = ()


class ProblemFault(Document):
    """One fault of a request.

    Attributes:
        pointer: JSON pointer of the field, or the name of a header.
        allowed: Accepted values, where they can be listed.
    """

    pointer: str
    code: str
    message: str
    allowed: tuple[str, ...] | None = None


class Progress(Document):
    """The progress of a job; of a succeeded one all of it.

    Attributes:
        stage: `load`, `decode`, `find`, `paint` or `encode`.
        fraction: Share of the whole job that is done, 0..1.
        preview_url: A small JPEG of the picture so far, renewed now and then; null while there is
        none. Only `generate` has previews.
    """

    stage: str
    step: int
    steps: int
    fraction: float
    preview_url: str | None = None


class Proof(Document):
    """Checks of the encoded output, after decoding it again.

    Attributes:
        kept_pixels: pixels outside the effective mask (outpaint: of the original, less the band).
        kept_pixels_changed: how many of them differ from the decoded input in any channel.
        max_difference: largest difference among them, 0..255; of 16 bits 0..65535.
        touched_box: box around what was painted and blended, half-open pixels.
        band_pixels: pixels of the original that blending was allowed to touch (`overlap`).
        image_sha256: hex digest of the input file.
        mask_sha256: hex digest of the effective mask's PNG, as `links.mask` returns it; null in
        outpainting, where `geometry` says the same.
        output_sha256: hex digest of the output file.
    """

    kept_pixels: int
    kept_pixels_changed: int
    max_difference: int
    touched_box: tuple[int, ...] = ()
    band_pixels: int
    image_sha256: str | None = None
    mask_sha256: str | None = None
    output_sha256: str | None = None


class Queue(Document):
    """The place of a job in its queue.

    Attributes:
        position: Jobs that would be claimed before this one if none came; null unless queued.
        eta_seconds: Estimated wait for a worker in seconds, from the times of the queue's last
        jobs; null unless queued, while no job was measured, or while no worker is online.
    """

    position: int | None = None
    eta_seconds: float | None = None


class QueuePressure(Document):
    """The state of a queue.

    Attributes:
        refuses_with: Code with which a job for it would be refused.
    """

    queue: str
    waiting: int
    workers_online: int
    refuses_with: str | None = None


class Recipe(Document):
    """The steps that made a result, so that it can be made again."""

    engine: str
    model_revision: str | None = None
    scheduler: str | None = None
    dtype: str | None = None
    batch_size: int
    versions: dict[str, Any]
    details: dict[str, Any]


class Region(Document):
    """One region: exactly one of `box`, `polygon`, `rle`, `find`, `point` and `points`.

    Attributes:
        box: left, top, right, bottom, which may be fractions. A pixel belongs to it when its center
        does, so that of whole numbers right and bottom lie outside. Parts outside the picture are
        cut, which causes the warning `region_clipped`.
        polygon: Vertices [x, y] of the outline. A pixel belongs to it when its center does; the
        center of the first pixel is [0.5, 0.5]. An outline that crosses itself is filled by the
        even-odd rule. Parts outside the picture are cut, with the same warning.
        holes: Outlines of holes in the `polygon`: a pixel belongs to the polygon when its center
        lies in the outline and in no hole.
        rle: Run-lengths in COCO's format.
        find: What to find: `text`, all written text; `subject`, what stands in front; `background`,
        all but that; anything else in words, such as `a red cup`. `GET /models` lists the finders
        of this service.
        point: [x, y]: the thing at this point.
        points: The one thing that all these points belong to, or, by `labels`, do not.
        labels: As many as `points`: 1, the point belongs to the thing; 0, it does not. All do by
        default.
        refine: `true`: of the `box` only the thing in it; `false` by default.
        subtract: `true`: the region is taken away from what the regions before it have added;
        `false` by default.
        grow: Pixels by which what is found is widened, negative narrows; by default 3 for things,
        whose colors reach past their edge, and 0 for text, for the background and for what is kept.
        0 is the exact edge. The parameter `grow` widens the whole mask afterwards.
        min_score: Found things with a lower score are left out; by default what suits the finder.
    """

    box: tuple[float, ...] | None = None
    polygon: tuple[tuple[float, ...], ...] | None = None
    holes: tuple[tuple[tuple[float, ...], ...], ...] | None = None
    rle: RunLengths | None = None
    find: str | None = None
    point: tuple[float, ...] | None = None
    points: tuple[tuple[float, ...], ...] | None = None
    labels: tuple[int, ...] | None = None
    refine: bool | None = None
    subtract: bool | None = None
    grow: int | None = None
    min_score: float | None = None


class Resized(Document):
    """A copy of a result in the size that was asked for; no proof holds for it."""

    url: str
    format: str
    width: int
    height: int
    bytes: int
    sha256: str


class RunLengths(Document):
    """A mask in COCO's run-lengths: runs of 0 and 1 in turn, column by column, from 0.

    Attributes:
        size: Height and width of the picture.
        counts: Lengths of the runs as a list of integers, or COCO's compressed text of them.
    """

    size: tuple[int, ...] = ()
    counts: Any


class Stored(Document):
    """Numbers of what your tenant stores now.

    Attributes:
        jobs: Jobs that are not wiped, ended or not.
        bytes: Inputs and results of the jobs, and uploads; an upload that jobs use counts once.
    """

    jobs: int
    batches: int
    uploads: int
    bytes: int


class Timings(Document):
    """Seconds that each part took; `None` for a part that did not happen."""

    queued_seconds: float | None = None
    load_seconds: float | None = None
    find_seconds: float | None = None
    paint_seconds: float | None = None
    encode_seconds: float | None = None


class Upload(Document):
    """A picture that requests can name as `{"upload": id}`.

    Attributes:
        width: Pixels, before EXIF orientation is applied.
        height: Pixels, before EXIF orientation is applied.
    """

    id: str
    bytes: int
    sha256: str
    format: str
    width: int
    height: int
    expires_at: datetime
    links: UploadLinks


class UploadLinks(Document):
    """URLs of the upload."""

    self: str


class Usage(Document):
    """The succeeded jobs of your tenant by day and key, the latest day first.

    Attributes:
        days: Only days and keys with jobs.
    """

    days: tuple[UsageDay, ...] = ()


class UsageDay(Document):
    """Usage of one key on one day.

    Attributes:
        day: The day in UTC on which the jobs succeeded.
        key_id: The id of the key that submitted them; null where no keys are required.
        megapixels: By the jobs' `cost`.
        seconds: That the jobs were painted, loading of models excluded.
    """

    day: date
    key_id: str | None = None
    jobs: int
    megapixels: float
    seconds: float


class Version(Document):
    """Name and version of the service."""

    name: Literal["paintjob"] | str
    version: str
    job_schema: int
