"""The routes, one module a resource: parse, call a service, answer."""
