"""Start the worker; as `worker.__main__`, which a spawned child does not import again."""

import sys

from service.contract import jobs

# Before anything has imported it by name.
jobs.KNOWN_SCHEMAS = (*jobs.KNOWN_SCHEMAS, jobs.SCHEMA + 1)  # type: ignore[assignment]

from service.contract.names import export_rq_prefix  # noqa: E402

export_rq_prefix()

from worker.main import main  # noqa: E402  RQ reads its prefix when it is first imported

if __name__ == "__main__":
    sys.exit(main())
