"""`workflow`: several kinds as steps of one job, in sequence or in parallel."""
