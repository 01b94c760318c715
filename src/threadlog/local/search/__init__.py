"""The word index: what was said and done in the threads of a home, by its words."""
