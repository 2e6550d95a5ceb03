"""The demo: a small real system, the Git server it comes from, and the program that takes it through the platform."""
