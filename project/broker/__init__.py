"""RabbitMQ: the names of queues and exchanges, the content of messages, and their publishing."""
