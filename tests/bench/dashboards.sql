-- Fills an empty Docent on Postgres with a record and usage as of a year: people, clients, audit events, and each person's use of three
-- tools on each day.
-- psql -v users=10000 -v clients=1000 -v events=10000000 -v days=365 -f dashboards.sql
\set ON_ERROR_STOP on
\set now '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
\set day 86400000::bigint
\set today '((extract(epoch FROM clock_timestamp()) / 86400)::bigint * 86400000::bigint)'

INSERT INTO users (id, email, name, is_admin, created_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'generated' || n || '@bench.invalid', '', n = 0, :now
FROM generate_series(0, :users - 1) n;

INSERT INTO projects (id, name, name_key, personal_of, created_at)
SELECT ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Personal', 'personal',
    ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, :now
FROM generate_series(0, :users - 1) n;

INSERT INTO project_members (project_id, user_id, role, created_at)
SELECT id, personal_of, 'owner', created_at FROM projects WHERE personal_of IS NOT NULL;

INSERT INTO clients (id, name, redirect_uris, grant_types, auth_method, origin, created_at, disabled)
SELECT 'c_generated_' || n, 'Client ' || n, '["http://localhost/callback"]', '["authorization_code","refresh_token"]', 'none', 'dynamic', :now, false
FROM generate_series(0, :clients - 1) n;

-- A year, the oldest first: one sign-in that failed in a thousand, most entries renewals.
INSERT INTO audit_events (at, kind, user_id, client_id, project_id, from_address, detail)
SELECT :now - (:events - n) * (365 * :day / :events),
    CASE WHEN n % 1000 = 0 THEN 'sign_in.failed' WHEN n % 100 = 1 THEN 'grant.created' WHEN n % 50 = 2 THEN 'token.issued' ELSE 'token.refreshed' END,
    ('00000000-0000-7000-8000-' || lpad(to_hex(n * 7919 % :users), 12, '0'))::uuid, 'c_generated_' || n * 104729 % :clients,
    ('00000000-0000-7000-9000-' || lpad(to_hex(n * 7919 % :users), 12, '0'))::uuid, '192.0.2.' || n % 250, '{}'
FROM generate_series(1, :events::bigint) n;

INSERT INTO usage (day, user_id, project_id, client_id, tool, succeeded, failed)
SELECT :today - d * :day, ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'c_generated_' || n % :clients, tool, 1 + (n * 31 + d) % 90, n % 3
FROM generate_series(0, :days - 1) d, generate_series(0, :users - 1) n, unnest(ARRAY['query-docs', 'resolve-library-id', 'api/v2/context']) tool;

-- The sums that Docent keeps beside it.
INSERT INTO usage_totals (dimension, period, key, succeeded, failed)
SELECT 'tool', day, tool, SUM(succeeded), SUM(failed) FROM usage GROUP BY day, tool;
INSERT INTO usage_totals (dimension, period, key, succeeded, failed)
SELECT dimension, period, key, SUM(succeeded), SUM(failed) FROM (
    SELECT (extract(epoch FROM date_trunc('month', to_timestamp(day / 1000) AT TIME ZONE 'UTC'))::bigint * 1000) AS period,
        unnest(ARRAY['user', 'project', 'client']) AS dimension,
        unnest(ARRAY[replace(user_id::text, '-', ''), replace(project_id::text, '-', ''), client_id]) AS key, succeeded, failed
    FROM (SELECT day, user_id, project_id, client_id, SUM(succeeded) AS succeeded, SUM(failed) AS failed FROM usage GROUP BY 1, 2, 3, 4) AS by_day
) AS sums GROUP BY dimension, period, key;

VACUUM ANALYZE;
SELECT 'audit_events' AS filled, count(*) FROM audit_events UNION ALL SELECT 'usage', count(*) FROM usage
UNION ALL SELECT 'usage_totals', count(*) FROM usage_totals;
