"""gunicorn's settings for a checkout: those of the package, which a wheel has too."""

from service.api.gunicorn_conf import *  # noqa: F403 - gunicorn reads the names of this module
