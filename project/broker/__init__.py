"""RabbitMQ: its names and queues, what a message holds, and how one is published."""
