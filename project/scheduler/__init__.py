"""The scheduler: submits jobs at set times, and repairs what an outage has left behind."""
