"""Finding records: by whom, where, when, what was found, and by words, as a list, a file or a layer of a map."""
