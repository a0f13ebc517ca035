"""The subcommands of `paintjob`, one a module."""
