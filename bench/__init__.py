"""Times a run of the product beside a script written by hand for the same job on the same files.

`python -m bench` makes the files, runs both and prints the table; `by_hand` is the script.
"""
