"""`python -m worker`: start a worker.

Apart from `main`, because a spawned child imports its parent's main module again, unless that is a
`__main__`: the horse must not load Redis and RQ.
"""

import sys

from service.contract.names import export_rq_prefix

export_rq_prefix()

from worker.main import main  # noqa: E402  RQ reads its prefix when it is first imported

if __name__ == "__main__":
    sys.exit(main())
