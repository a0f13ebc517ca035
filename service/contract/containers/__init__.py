"""How PNG, JPEG and WebP files are built: what they declare, found without decoding a pixel.

Read here and not by Pillow, because Pillow's WebP reader allocates the whole canvas before anybody
can look at its size, because it cuts a 16-bit PNG to 8 bits in silence, and because it unpacks
texts and profiles of any file that claims them. Decoders are then shown the pixels' part alone.
"""
