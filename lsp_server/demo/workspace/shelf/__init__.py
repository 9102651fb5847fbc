"""A lending library, small enough to be read in a minute."""
