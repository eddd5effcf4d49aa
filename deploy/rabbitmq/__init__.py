"""RabbitMQ's configuration, and the definitions (users and topology) that it loads at its start."""
