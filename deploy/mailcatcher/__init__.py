"""A mail server for development: accepts every mail, delivers none, and shows them on a page."""
