"""Benchmarks, run by name: ``script/bench NAME``.

Each module here begins with a line that says what it measures, and has a function
``main(arguments)``, which gets the rest of the command line and returns the exit code.
"""
