"""RabbitMQ: its configuration, and the definitions (users and topology) it loads at its start."""
