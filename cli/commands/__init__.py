"""The commands, one module per noun; each asks the API once or twice and shows the answer."""
