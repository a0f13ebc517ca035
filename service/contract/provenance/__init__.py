"""What a result's file says of how it came to be: in XMP for everybody, in C2PA signed."""
