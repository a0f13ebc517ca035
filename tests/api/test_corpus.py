"""Every file of the corpus over HTTP, as picture and as mask: an answer each, and never 500."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from service.documents.problems import MEDIA_TYPE
from tests.support.corpus import GROUPS
from tests.support.http import build_app, post_form, post_inpaint, post_outpaint
from tests.support.pictures import picture

MANY = 1_000_000


@pytest.fixture
def patient_client(broker_url: str, tmp_path: Path) -> FlaskClient:
    """A client that may send as many jobs as it likes."""
    app = build_app(broker_url, tmp_path, queue_limit=MANY, tenant_job_limit=MANY)
    return app.test_client()


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_picture_is_accepted_or_refused_by_its_code(
    patient_client: FlaskClient, group: str
) -> None:
    found = []
    for case in GROUPS[group]():
        response = post_outpaint(patient_client, case.data, right="8", method="mirror")
        code = "" if response.status_code == 202 else response.get_json()["code"]
        allowed = case.codes | ({""} if case.may_pass or not case.codes else set())
        if code not in allowed or (code and response.mimetype != MEDIA_TYPE):
            found.append((case.name, response.status_code, code))
    assert found == []


@pytest.mark.slow
@pytest.mark.parametrize("group", GROUPS)
def test_mask_is_accepted_or_refused(patient_client: FlaskClient, group: str) -> None:
    found = []
    for case in GROUPS[group]():
        response = post_inpaint(patient_client, picture(96, 64), case.data)
        is_problem = response.mimetype == MEDIA_TYPE and response.status_code in (413, 415, 422)
        if response.status_code != 202 and not is_problem:
            found.append((case.name, response.status_code))
    assert found == []


@pytest.mark.parametrize("name", ["picture.jpg", "picture.txt", "picture", "../../picture.exe"])
@pytest.mark.parametrize("kind", ["image/jpeg", "text/html", "application/octet-stream"])
def test_picture_is_judged_by_content_and_not_by_name(
    patient_client: FlaskClient, name: str, kind: str
) -> None:
    fields = {"image": (picture(), name, kind), "right": "8"}
    response = post_form(patient_client, "/outpaint", fields)
    assert response.status_code == 202, response.text
