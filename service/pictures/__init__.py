"""Picture files and masks: headers, metadata and structure, read without numpy.

Reads PNG, JPEG and WebP headers with parsers of its own, because Pillow's WebP reader allocates
the whole canvas before anybody can look at its size, because it cuts a 16-bit PNG to 8 bits without
a warning, and because it unpacks texts and profiles of any file that claims them. Decoders are then
shown the pixels alone. Knows the contract; must not know requests, the broker or painting.
"""
