"""How well finders find, measured on pictures whose answer is known."""
