"""The parts of the platform, one module a family: what runs, with which configuration, and when it is ready."""
