"""Hand-over sheets (交接单): what is open in cells whose duty goes to somebody else, signed over and acknowledged."""
