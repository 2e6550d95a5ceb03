"""One instance of Mooring of its own per process, on the real PostgreSQL, Temporal and cluster."""
