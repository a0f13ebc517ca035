"""The page `/docs`: Swagger UI with the OpenAPI document, from the service's own files."""
