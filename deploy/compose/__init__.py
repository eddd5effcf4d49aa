"""What only the Docker Compose run needs."""
