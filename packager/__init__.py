"""Declarations to request, to lock, to environment; a flow folder to a code package."""
