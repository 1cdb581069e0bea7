"""Base images, pinned by digest."""
