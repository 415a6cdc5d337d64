#!/bin/sh
# Starts PostgreSQL in a container, and makes its files when there are none; by no rights, and from any distribution's packages.
set -eu
PATH="$PATH:$(echo /usr/lib/postgresql/*/bin)"
if [ ! -s "$PGDATA/PG_VERSION" ]; then
  printf '%s' "$DATABASE_PASSWORD" > /tmp/password
  initdb --username=relay --pwfile=/tmp/password --auth=scram-sha-256 --encoding=UTF8 --locale=C --pgdata="$PGDATA"
  rm /tmp/password
  echo "host all all all scram-sha-256" >> "$PGDATA/pg_hba.conf"
fi
exec postgres -D "$PGDATA" -c listen_addresses='*' -c unix_socket_directories=/tmp
