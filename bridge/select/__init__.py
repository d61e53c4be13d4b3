"""Which build each ecosystem takes on a host, and why."""
