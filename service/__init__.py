"""The API process: accepts jobs over HTTP, keeps their records and hands them to workers."""
