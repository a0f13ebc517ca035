"""Pictures in CMYK: refused, or converted where the caller asks for it."""

from __future__ import annotations

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from tests.support.cmyk import make_cmyk_profile
from tests.support.http import build_app, post_inpaint, post_outpaint
from tests.support.pictures import encode, make_image, picture


@pytest.fixture
def client(broker_url: str, tmp_path: Path) -> FlaskClient:
    return build_app(broker_url, tmp_path).test_client()


@pytest.mark.parametrize("kind", ["JPEG", "TIFF"])
def test_cmyk_is_taken_if_it_is_to_be_converted_and_the_answer_says_so(
    client: FlaskClient, kind: str
) -> None:
    data = encode(make_image("CMYK", 96, 64), kind)
    refused = post_outpaint(client, data, right="8")
    assert (refused.status_code, refused.get_json()["code"]) == (415, "unsupported_media_type")
    assert "convert: srgb" in refused.get_json()["detail"]
    job = post_inpaint(client, data, convert="srgb").get_json()
    assert job["params"]["convert"] == "srgb"
    warnings = {warning["code"]: warning["detail"] for warning in job["warnings"]}
    assert "without a color profile" in warnings["converted_to_srgb"]


def test_answer_names_the_profile_by_which_cmyk_is_converted(client: FlaskClient) -> None:
    data = encode(make_image("CMYK", 96, 64), "JPEG", icc_profile=make_cmyk_profile())
    job = post_outpaint(client, data, right="8", convert="srgb").get_json()
    details = [each["detail"] for each in job["warnings"] if each["code"] == "converted_to_srgb"]
    assert "by its color profile" in details[0]


def test_conversion_says_nothing_where_there_is_nothing_to_convert(client: FlaskClient) -> None:
    job = post_outpaint(client, picture(), right="8", convert="srgb").get_json()
    assert "converted_to_srgb" not in [warning["code"] for warning in job["warnings"]]
