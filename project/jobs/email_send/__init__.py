"""`email.send`: templates, the mail for each recipient, and the outcome of each mail."""
