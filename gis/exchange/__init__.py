"""Files that bureaus exchange: spreadsheets and map layers, read row by row.

Nothing here knows what a row means. The caller says which headings it knows and gets rows keyed by its own
field names; what a value must look like is the caller's rule.
"""
