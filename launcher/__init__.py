"""Plans and runs a flow: the scheduler, and the backends that it drives."""
