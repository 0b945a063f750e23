#!/bin/sh
# Runs once, when the database's volume is empty: one database and one role per purpose, so that
# none sees another's.
set -eu
folder=${SECRETS:-/run/secrets}
for name in airflow mlflow ledger lake; do
  # By standard input: the arguments of a process are there for all to read.
  {
    printf "\\\\set name '%s'\n" "$name"
    printf "\\\\set password '%s'\n" \
      "$(sed "s/[\\\\]/&&/g; s/'/''/g" "$folder/${name}_db_password")"
    cat <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke connect on database :"name" from public;
SQL
  } | psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres
done
