"""The benchmarks, installed with the package: `sparrow bench NAME`.

Each prints a table for people and, as its last line, one JSON object. Floors and baselines are
measured in the same run.
"""
