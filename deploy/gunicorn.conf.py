"""gunicorn's settings for a checkout: those of the package, which a wheel has too."""

from service.gunicorn_conf import *  # noqa: F403 - gunicorn reads the names of this module
