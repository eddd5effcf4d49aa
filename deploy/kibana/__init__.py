"""Kibana's data view, searches and dashboard (`objects`), and its alerts (`alerts/`)."""
