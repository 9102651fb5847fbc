"""Scripts that run in the sandbox, by the user's own interpreters.

They import nothing but what comes with these, and are written for versions long past.
"""
