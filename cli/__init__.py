"""The command `mooring`: knows only the HTTP API, from typer commands over one client to what the terminal shows."""
