"""The data files, and the programs that make them: prepare.py and, for the stand-in, standin.py."""
