"""The API's resources, one file each: its schema, a pydantic model, beside its serializer.

A schema says what a request or an answer may hold; a serializer makes the answer from the ledger's
value. Nothing here knows Flask, Redis or RabbitMQ: values in, values out.
"""
