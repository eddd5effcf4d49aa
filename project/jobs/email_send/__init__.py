"""`email.send`: templates, what each recipient gets, and what becomes of each mail."""
