"""Everything that knows Flask: the app, its routes, requests, access and the OpenAPI document."""
