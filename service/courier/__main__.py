"""`python -m service.courier`."""

import sys

from service.contract.names import export_rq_prefix

export_rq_prefix()

from service.courier.main import main  # noqa: E402  RQ reads its prefix when it is first imported

if __name__ == "__main__":
    sys.exit(main())
