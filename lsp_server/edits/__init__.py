"""What is to be done to files: as texts, as hunks, verified before anybody is shown it. Pure."""
