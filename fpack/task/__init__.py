"""One task of a run, executed in its step's environment."""
