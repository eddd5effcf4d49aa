"""What people see in Kibana: `objects` makes the data view, searches and the dashboard; `alerts/`."""
