"""Pure functions and rules over the source; milliseconds, nothing is started."""
