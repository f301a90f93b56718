"""What runs inside the cage: loads a submission, feeds it numbers, writes what it returns."""
