"""Grid cells, who is responsible for them, and who may see what lies in them."""
