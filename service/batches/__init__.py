"""Many items under one id: accepted, told of, fetched as one zip."""
