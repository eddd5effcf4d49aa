#!/bin/sh
# Writes RabbitMQ's and Redis's configuration into the volume FOLDER; runs in service `configure`.
# In a separate volume, both servers' users can read the files, whatever rights these have in the
# checkout. The only secrets in it are RabbitMQ's salted password hashes.
#
#   configure.sh FOLDER
set -eu
folder=$1

if ! python -m deploy.rabbitmq.definitions --output "$folder/definitions.json"; then
  echo "Nothing starts with these settings. With Docker Compose, the passwords in the URLs have" >&2
  echo "separate variables, such as JOBS_BROKER_PASSWORD: .env.example lists all of them." >&2
  exit 1
fi
cat deploy/rabbitmq/rabbitmq.conf deploy/compose/rabbitmq.conf > "$folder/rabbitmq.conf"
cp deploy/redis/redis.conf "$folder/redis.conf"
chmod 644 "$folder"/*
