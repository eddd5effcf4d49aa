"""Addresses that are written without `url_for` are those that it makes."""

import pytest
from flask import url_for

from project.server.answers import job_address
from tests.unit.conftest import ClientMaker


@pytest.mark.parametrize("root", ["", "/behind/a/proxy"])
@pytest.mark.parametrize("job_id", ["9fdc1353-17a3-4152-a560-40a450201ecb", "own id?", "ü"])
def test_job_address_leads_to_the_job(root: str, job_id: str, make_client: ClientMaker) -> None:
    app = make_client().application

    with app.test_request_context("/", base_url=f"http://localhost{root}"):
        assert job_address(job_id) == url_for("jobs.get_job", job_id=job_id)
