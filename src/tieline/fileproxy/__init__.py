"""Files of other systems, fetched through signed download links."""
