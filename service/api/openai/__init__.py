"""The façade for clients of OpenAI's image API: its words, mapped one by one to our own."""
