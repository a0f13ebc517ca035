"""Request bodies: forms, JSON, multipart and batches, read into parsed parameters."""
