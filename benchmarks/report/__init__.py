"""All that the service costs, measured in one run, with plots."""
