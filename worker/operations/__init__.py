"""What is done with a job's pictures, from its blobs to its proven outputs."""
