"""Reading what runs have left: runs, steps, tasks, artifacts."""
