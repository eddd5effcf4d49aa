#!/bin/sh
# Lets our unprivileged containers write into ./logs of the host, while its owner can still read and
# delete the files: the folder's group becomes the containers' group.
# Runs as root, once per `docker compose up`, in the service `prepare`.
#
#   prepare_logs.sh FOLDER CHECKOUT_FILE
set -eu
folder=$1 checkout_file=$2

# The engine creates a missing ./logs as root: give it to the owner of the checkout.
if [ "$(stat -c %u "$folder")" = 0 ]; then
  chown "$(stat -c %u "$checkout_file")" "$folder"
fi
chgrp jobs "$folder"
chmod g+rwx "$folder"
