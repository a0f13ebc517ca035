"""The façade for clients of OpenAI's image API: its fields, mapped one by one to our own."""
