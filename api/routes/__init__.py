"""The routes of the v2 API, a module per noun."""
