"""What the platform does to the world: one module per noun, each a class with its records and clients injected.

An activity is one step. It is idempotent and looks before it acts; it raises the errors of model/errors.py only, and the
worker's interceptor makes Temporal's failures of them.
"""
