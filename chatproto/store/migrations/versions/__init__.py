"""One module per revision, named for its number. A revision that was released never changes."""
