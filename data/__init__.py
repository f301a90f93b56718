"""The data files, and prepare.py, which makes them."""
