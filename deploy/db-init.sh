#!/usr/bin/env bash
# Runs once, when the database's volume is empty: the two roles, the database, its extensions.
# The same as ./dev does for its private clusters, with passwords, because here the network lies between.
set -euo pipefail

: "${XUNGE_OWNER_PASSWORD:?the password of the role that owns the tables}"
: "${XUNGE_APP_PASSWORD:?the password of the role that the application uses}"

# psql reads the passwords from its environment: on a command line every process could see them.
psql -X -q -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname postgres <<'SQL'
\getenv owner_password XUNGE_OWNER_PASSWORD
\getenv app_password XUNGE_APP_PASSWORD
CREATE ROLE xunge_owner LOGIN PASSWORD :'owner_password';
CREATE ROLE xunge_app LOGIN PASSWORD :'app_password';
CREATE DATABASE xunge OWNER xunge_owner TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C.UTF-8';
REVOKE CONNECT ON DATABASE xunge FROM PUBLIC;
GRANT CONNECT ON DATABASE xunge TO xunge_app;
\connect xunge
SET client_min_messages = warning;
CREATE EXTENSION postgis;
CREATE EXTENSION pg_trgm;
CREATE EXTENSION btree_gist;
REVOKE CREATE ON SCHEMA public FROM PUBLIC;
GRANT CREATE, USAGE ON SCHEMA public TO xunge_owner;
GRANT USAGE ON SCHEMA public TO xunge_app;
SQL
