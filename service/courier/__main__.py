"""`python -m service.courier`."""

import sys

from service.courier.main import main

if __name__ == "__main__":
    sys.exit(main())
