"""What was handed in: finding submissions, unpacking zips, the files that matter, reading a script."""
