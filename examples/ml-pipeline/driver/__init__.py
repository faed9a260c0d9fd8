"""What demo.py is made of: starts and ends the processes, shows what the apps record, and judges the outcome."""
