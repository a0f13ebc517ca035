"""`/jobs/{id}` and what hangs below it."""

from __future__ import annotations

import hashlib

import pytest
from flask import Flask
from flask.testing import FlaskClient

from service.contract.jobs import JobFailure, MaskEffective, Progress
from service.contract.names import CPU_QUEUE, new_token, preview_path
from tests.support.http import context_of, finish_job, post_inpaint, post_outpaint
from tests.support.pictures import picture


def test_job_is_304_until_it_changes(app: Flask, client: FlaskClient) -> None:
    job_id = post_inpaint(client).get_json()["id"]
    first = client.get(f"/jobs/{job_id}")
    etag = first.headers["ETag"]
    assert not etag.startswith("W/")
    again = client.get(f"/jobs/{job_id}", headers={"If-None-Match": etag})
    assert (again.status_code, again.data) == (304, b"")
    assert again.headers["ETag"] == etag
    finish_job(app, picture())
    changed = client.get(f"/jobs/{job_id}", headers={"If-None-Match": etag})
    assert (changed.status_code, changed.get_json()["status"]) == (200, "succeeded")


def test_etag_changes_with_the_place_in_the_queue(app: Flask, client: FlaskClient) -> None:
    post_inpaint(client)
    second = post_inpaint(client)
    url = second.headers["Location"]
    before = client.get(url)
    assert before.get_json()["queue"]["position"] == 1
    finish_job(app, picture())
    after = client.get(url)
    assert after.get_json()["queue"]["position"] == 0
    assert after.get_json()["version"] == before.get_json()["version"]
    assert after.headers["ETag"] != before.headers["ETag"]


def test_retry_after_goes_when_the_job_ends(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    assert client.get(url).headers["Retry-After"] == "1"
    finish_job(app, picture())
    assert "Retry-After" not in client.get(url).headers


def test_finished_job_tells_outputs_with_proof(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    finish_job(app, picture())
    job = client.get(url).get_json()
    (output,) = job["outputs"]
    assert output["url"] == f"{url}/results/0"
    assert output["sha256"] == hashlib.sha256(picture()).hexdigest()
    assert output["proof"]["kept_pixels_changed"] == 0
    assert job["links"]["result"] == f"{url}/result"
    assert job["links"]["cancel"] is None
    assert job["expires_at"] is not None
    assert job["attempts"][0]["outcome"] == "succeeded"
    assert "path" not in output


def test_result_comes_with_type_etag_and_name(app: Flask, client: FlaskClient) -> None:
    post_inpaint(client)
    data = picture()
    job_id = finish_job(app, data, count=2)
    response = client.get(f"/jobs/{job_id}/result")
    assert response.data == data
    assert response.mimetype == "image/png"
    assert response.headers["ETag"] == f'"{hashlib.sha256(data).hexdigest()}"'
    assert response.headers["Content-Disposition"] == f'inline; filename="{job_id}-0.png"'
    assert response.headers["Content-Length"] == str(len(data))
    assert client.get(f"/jobs/{job_id}/results/1").data == data
    assert client.get(f"/jobs/{job_id}/results/2").status_code == 404


def test_files_are_sent_as_octets_to_callers_that_accept_nothing_else(
    app: Flask, client: FlaskClient
) -> None:
    job = post_inpaint(client).get_json()
    finish_job(app, b"a picture")
    for accepted in ("*/*", "image/*", "image/png, application/octet-stream", "text/html"):
        response = client.get(f"/jobs/{job['id']}/result", headers={"Accept": accepted})
        assert response.mimetype == "image/png", accepted
    for accepted in ("application/octet-stream", "application/octet-stream, */*;q=0.1"):
        response = client.get(f"/jobs/{job['id']}/result", headers={"Accept": accepted})
        assert (response.mimetype, response.data) == ("application/octet-stream", b"a picture")


def test_succeeded_job_is_done(app: Flask, client: FlaskClient) -> None:
    job = post_inpaint(client).get_json()
    assert job["progress"] is None
    finish_job(app, b"a picture")
    assert client.get(f"/jobs/{job['id']}").get_json()["progress"] == {
        "stage": "encode",
        "step": 1,
        "steps": 1,
        "fraction": 1.0,
        "preview_url": None,
    }
    assert client.get("/jobs").get_json()["jobs"][0]["fraction"] == 1.0


def test_result_is_304_when_known(app: Flask, client: FlaskClient) -> None:
    post_inpaint(client)
    url = f"/jobs/{finish_job(app, picture())}/result"
    etag = client.get(url).headers["ETag"]
    assert client.get(url, headers={"If-None-Match": etag}).status_code == 304


def test_head_of_result_has_its_length_and_no_body(app: Flask, client: FlaskClient) -> None:
    post_inpaint(client)
    response = client.head(f"/jobs/{finish_job(app, picture())}/result")
    assert (response.status_code, response.data) == (200, b"")
    assert response.headers["Content-Length"] == str(len(picture()))


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [("bytes=0-9", 0, 10), ("bytes=10-", 10, None), ("bytes=-7", -7, None), ("bytes=0-", 0, None)],
)
def test_range_gives_a_part(
    app: Flask, client: FlaskClient, asked: str, start: int, end: int | None
) -> None:
    post_inpaint(client)
    data = picture()
    url = f"/jobs/{finish_job(app, data)}/result"
    response = client.get(url, headers={"Range": asked})
    assert response.status_code == 206
    assert response.data == data[start:end]
    first = start % len(data)
    last = first + len(response.data) - 1
    assert response.headers["Content-Range"] == f"bytes {first}-{last}/{len(data)}"
    assert response.headers["Content-Length"] == str(len(response.data))


@pytest.mark.parametrize("asked", ["bytes=0-1,4-5", "lines=0-1", "nonsense"])
def test_other_ranges_give_the_whole(app: Flask, client: FlaskClient, asked: str) -> None:
    post_inpaint(client)
    url = f"/jobs/{finish_job(app, picture())}/result"
    response = client.get(url, headers={"Range": asked})
    assert (response.status_code, response.data) == (200, picture())


def test_range_outside_is_416(app: Flask, client: FlaskClient) -> None:
    post_inpaint(client)
    url = f"/jobs/{finish_job(app, picture())}/result"
    response = client.get(url, headers={"Range": "bytes=9999999-"})
    assert (response.status_code, response.get_json()["code"]) == (416, "range_not_satisfiable")
    assert response.headers["Content-Range"] == f"bytes */{len(picture())}"


def test_suffix_longer_than_the_picture_gives_the_whole(app: Flask, client: FlaskClient) -> None:
    post_inpaint(client)
    data = picture()
    response = client.get(
        f"/jobs/{finish_job(app, data)}/result", headers={"Range": "bytes=-9999999"}
    )
    assert (response.status_code, response.data) == (206, data)
    assert response.headers["Content-Range"] == f"bytes 0-{len(data) - 1}/{len(data)}"


def test_range_of_another_version_gives_the_whole(app: Flask, client: FlaskClient) -> None:
    post_inpaint(client)
    url = f"/jobs/{finish_job(app, picture())}/result"
    etag = client.head(url).headers["ETag"]
    for known, status in ((etag, 206), ('"other"', 200), (f"W/{etag}", 200)):
        headers = {"Range": "bytes=0-9", "If-Range": known}
        assert client.get(url, headers=headers).status_code == status


def test_result_is_409_before_the_end(client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    response = client.get(f"{url}/result")
    assert (response.status_code, response.get_json()["code"]) == (409, "not_finished")
    assert response.headers["Retry-After"] == "1"
    assert client.get(f"{url}/mask").get_json()["code"] == "not_finished"


def test_result_is_409_when_failed(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    token = new_token()
    (claimed,) = context_of(app).store.claims.take(CPU_QUEUE, worker="w", claim_id=token)
    failure = JobFailure(code="out_of_memory", title="T", detail="D", retryable=False)
    context_of(app).store.claims.finish_failed(claimed.job_id, token, failure)
    assert client.get(f"{url}/result").get_json()["code"] == "no_result"
    assert client.get(f"{url}/mask").get_json()["code"] == "no_result"
    job = client.get(url).get_json()
    assert (job["status"], job["error"]["code"]) == ("failed", "out_of_memory")


def test_outpainting_never_has_a_mask(app: Flask, client: FlaskClient) -> None:
    url = post_outpaint(client, right="8").headers["Location"]
    for status in ("queued", "running", "succeeded"):
        if status == "running":
            context_of(app).store.claims.take(CPU_QUEUE, worker="w", claim_id=new_token())
        elif status == "succeeded":
            url = post_outpaint(client, right="8").headers["Location"]
            finish_job(app, picture())
        assert client.get(url).get_json()["status"] == status
        response = client.get(f"{url}/mask")
        assert (response.status_code, response.get_json()["code"]) == (409, "no_result")
        assert "geometry" in response.get_json()["detail"]
        assert "Retry-After" not in response.headers


def test_mask_comes_once_a_worker_has_posted_it(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    context, token = context_of(app), new_token()
    (claimed,) = context.store.claims.take(CPU_QUEUE, worker="w", claim_id=token)
    path = f"jobs/{claimed.job_id}/{token}/mask.png"
    context.blobs.put(path, picture())
    effective = MaskEffective(coverage=0.5, box=[0, 0, 1, 1], components=1)
    context.store.claims.report_mask(claimed.job_id, token, 1, effective, path)
    response = client.get(f"{url}/mask")
    assert (response.status_code, response.data) == (200, picture())
    etag = response.headers["ETag"]
    assert client.get(f"{url}/mask", headers={"If-None-Match": etag}).status_code == 304
    job = client.get(url).get_json()
    assert job["mask"]["effective"]["components"] == 1
    assert job["links"]["mask"] == f"{url}/mask"


def test_preview_comes_once_a_worker_has_shown_one(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    context, token = context_of(app), new_token()
    (claimed,) = context.store.claims.take(CPU_QUEUE, worker="w", claim_id=token)
    progress = Progress(stage="paint", step=1, steps=9, fraction=0.2)
    context.store.claims.report_progress(claimed.job_id, token, 1, progress)
    assert client.get(url).get_json()["progress"]["preview_url"] is None
    waiting = client.get(f"{url}/preview")
    assert (waiting.status_code, waiting.get_json()["code"]) == (409, "not_finished")
    assert waiting.headers["Retry-After"] == "1"
    etags = []
    for number in range(2):
        path = preview_path(claimed.job_id, token, number)
        data = picture(kind="JPEG", quality=50 + number)
        context.blobs.put(path, data)
        shown = progress.model_copy(update={"preview_path": path})
        context.store.claims.report_progress(claimed.job_id, token, 2 + number, shown)
        job = client.get(url)
        assert job.get_json()["progress"]["preview_url"] == f"{url}/preview"
        response = client.get(f"{url}/preview")
        assert (response.status_code, response.mimetype, response.data) == (200, "image/jpeg", data)
        assert response.headers["Cache-Control"] == "private, no-cache"
        etag = response.headers["ETag"]
        assert client.get(f"{url}/preview", headers={"If-None-Match": etag}).status_code == 304
        etags += [etag, job.headers["ETag"]]
    assert len(set(etags)) == 4


def test_preview_of_a_job_that_ended_without_one_is_409(app: Flask, client: FlaskClient) -> None:
    post_inpaint(client)
    response = client.get(f"/jobs/{finish_job(app, picture())}/preview")
    assert (response.status_code, response.get_json()["code"]) == (409, "no_result")


def test_cancel_ends_a_queued_job_at_once(client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    for _ in range(2):
        response = client.post(f"{url}/cancel")
        assert (response.status_code, response.get_json()["status"]) == (200, "canceled")


def test_cancel_of_a_running_job_is_202(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client).headers["Location"]
    context_of(app).store.claims.take(CPU_QUEUE, worker="w", claim_id=new_token())
    for _ in range(2):
        response = client.post(f"{url}/cancel")
        assert (response.status_code, response.get_json()["status"]) == (202, "running")
        assert response.get_json()["cancel_requested_at"] is not None


def test_cancel_of_a_finished_job_is_409(app: Flask, client: FlaskClient) -> None:
    post_inpaint(client)
    response = client.post(f"/jobs/{finish_job(app, picture())}/cancel")
    assert (response.status_code, response.get_json()["code"]) == (409, "already_finished")


def test_deleted_job_is_gone(app: Flask, client: FlaskClient) -> None:
    url = post_outpaint(client, right="8").headers["Location"]
    finish_job(app, picture())
    assert client.delete(url).status_code == 204
    for response in (client.get(url), client.get(f"{url}/result"), client.delete(url)):
        assert (response.status_code, response.get_json()["code"]) == (404, "job_expired")


@pytest.mark.parametrize(
    "job_id", ["job_01ARZ3NDEKTSV4RRFFQ69G5FAV", "job_1", "x", "job_" + "I" * 26]
)
def test_unknown_job_is_404(client: FlaskClient, job_id: str) -> None:
    calls = [
        client.get(f"/jobs/{job_id}"),
        client.get(f"/jobs/{job_id}/result"),
        client.get(f"/jobs/{job_id}/mask"),
        client.get(f"/jobs/{job_id}/preview"),
        client.post(f"/jobs/{job_id}/cancel"),
        client.delete(f"/jobs/{job_id}"),
    ]
    assert {(call.status_code, call.get_json()["code"]) for call in calls} == {(404, "not_found")}


def test_resized_copy_is_sent_beside_the_exact_result(app: Flask, client: FlaskClient) -> None:
    accepted = post_inpaint(client, output_width="48")
    assert accepted.get_json()["warnings"][0]["code"] == "resized"
    small = picture(48, 32)
    finish_job(app, picture(), resized=small)
    url = accepted.headers["Location"]
    [output] = client.get(url).get_json()["outputs"]
    assert (output["width"], output["resized"]["width"]) == (96, 48)
    assert "path" not in output["resized"]
    assert client.get(output["url"]).data == picture()
    sent = client.get(output["resized"]["url"])
    assert (sent.data, sent.headers["ETag"]) == (small, f'"{output["resized"]["sha256"]}"')
    assert sent.headers["Content-Disposition"].endswith('-0-resized.png"')
    assert client.get("/limits").get_json()["stored"]["bytes"] >= len(picture()) + len(small)


def test_no_resized_copy_is_sent_where_none_was_asked_for(app: Flask, client: FlaskClient) -> None:
    url = post_inpaint(client, output_width="96").headers["Location"]
    finish_job(app, picture())
    response = client.get(f"{url}/results/0/resized")
    assert (response.status_code, response.get_json()["code"]) == (409, "no_result")
