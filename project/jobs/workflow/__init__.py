"""`workflow`: kinds as steps, one after the other, beside each other, and joined."""
