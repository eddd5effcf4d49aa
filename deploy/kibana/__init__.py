"""What people see in Kibana: data view, searches and dashboard (`objects`), and `alerts/`."""
