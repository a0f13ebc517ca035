"""Reading request bodies: multipart and JSON, both into the same parameters and pictures."""
