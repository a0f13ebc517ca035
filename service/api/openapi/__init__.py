"""The OpenAPI document, built from the pydantic models and a table of operations."""
