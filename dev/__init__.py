"""The development environment behind ``script/``: see ``dev/README.md``."""
