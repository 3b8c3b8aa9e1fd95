"""What is told about runs, as data: nothing is drawn here."""
