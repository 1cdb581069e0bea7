"""Artifacts and runs, kept in a folder or a bucket: the only state there is."""
