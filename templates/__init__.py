"""What fpack renders, as files."""
