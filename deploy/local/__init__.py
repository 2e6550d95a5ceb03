"""The embedded platform: every part Mooring needs, brought up on one machine by `make up`."""
