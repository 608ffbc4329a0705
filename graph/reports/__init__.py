"""Reports: definitions, runs, files, and the writes that change them."""
