"""gunicorn's entry: `service.api.wsgi:app`."""

from __future__ import annotations

import gc
import os

from service.contract import names

# RQ reads its key prefix once, at its first import, which is in the next lines.
names.export_rq_prefix()

from service.api.app import create_app  # noqa: E402
from service.config import ServiceSettings  # noqa: E402
from service.contract.version import get_version  # noqa: E402
from service.telemetry import exports  # noqa: E402
from service.telemetry.logs import configure_logging  # noqa: E402

settings = ServiceSettings.from_env(os.environ)
configure_logging(settings.log_level, "api")
exports.start("api", settings, get_version())
app = create_app(settings)

# All modules and models live as long as the process. Freezing them saves a fifth of the time of a
# status request, which a full collection takes otherwise.
gc.collect()
gc.freeze()
