"""Tests of Paintjob."""

import os

from service.contract.names import export_rq_prefix

# RQ reads its prefix when it is first imported, which any test module may do.
export_rq_prefix(os.environ)
