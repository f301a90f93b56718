"""Runs a submission in a child process that can do little harm, in a stated time."""
