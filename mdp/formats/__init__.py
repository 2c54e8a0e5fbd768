"""Files. json_file: our own form, names and exact numbers as text."""
