"""Hostile input, in great numbers and in great sizes."""
