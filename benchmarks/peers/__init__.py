"""The service beside an open one that does the same, over HTTP and in one run."""
