#!/bin/sh
# Runs once, when the database's volume is empty: one database and one role per purpose, so that none sees another's.
set -eu
for pair in "airflow:$AIRFLOW_DB_PASSWORD" "mlflow:$MLFLOW_DB_PASSWORD" "ledger:$LEDGER_DB_PASSWORD" "lake:$LAKE_DB_PASSWORD"; do
  name=${pair%%:*}
  psql -v ON_ERROR_STOP=1 --username "$POSTGRES_USER" --dbname postgres \
    -v name="$name" -v password="${pair#*:}" <<'SQL'
create role :"name" login password :'password';
create database :"name" owner :"name";
revoke connect on database :"name" from public;
SQL
done
