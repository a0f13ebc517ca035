"""Picture files and masks: headers, metadata and structure, read without numpy.

Headers of all formats are read by parsers of its own: Pillow's WebP reader allocates the
whole canvas before its size can be checked, Pillow cuts a 16-bit PNG to 8 bits without a warning,
and it unpacks the texts and profiles of every file. Decoders are shown the pixels alone.

Knows the contract; must not know requests, the broker or painting.
"""
