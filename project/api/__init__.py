"""The API's resources, one file each: its schema, a pydantic model, beside its serializer.

A schema defines a request or a response; a serializer makes the response from the ledger's value.
Nothing here knows Flask, Redis or RabbitMQ: values in, values out.
"""
