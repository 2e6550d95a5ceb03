"""The platform that `make up` runs, through HTTP only."""
