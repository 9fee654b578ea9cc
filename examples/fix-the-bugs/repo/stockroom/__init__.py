"""Keeps the stock of a small shop in one CSV file."""

__version__ = "0.4.0"
