#!/bin/sh
# Writes what RabbitMQ and Redis start from into the volume FOLDER; runs in the service `configure`.
# Through a volume of their own the files are readable to both servers' users, whatever rights they
# have in the checkout. Of secrets it holds RabbitMQ's salted password hashes only.
#
#   configure.sh FOLDER
set -eu
folder=$1

if ! python -m deploy.rabbitmq.definitions --output "$folder/definitions.json"; then
  echo "Nothing starts with these settings. The passwords in the URLs are variables of their own" >&2
  echo "here, such as JOBS_BROKER_PASSWORD: .env.example lists all that .env can set." >&2
  exit 1
fi
cat deploy/rabbitmq/rabbitmq.conf deploy/compose/rabbitmq.conf > "$folder/rabbitmq.conf"
cp deploy/redis/redis.conf "$folder/redis.conf"
chmod 644 "$folder"/*
