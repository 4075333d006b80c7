"""The files behind records: photos, signatures, tracks; how they come in, where they lie, who may see them."""
