-- Fills an empty Docent on Postgres: people, clients, grants, and five refresh tokens a grant, of which the last is unused.
-- None of it is due to be removed: the tokens were rotated in the last five days, and the janitor keeps a week.
-- Each client was used in the last hour, as those are that ask for tokens every quarter of an hour.
-- psql -v users=50000 -v clients=100000 -v grants=1000000 -f scale.sql
\set ON_ERROR_STOP on
\set now '(extract(epoch FROM clock_timestamp()) * 1000)::bigint'
\set day 86400000::bigint

INSERT INTO users (id, email, name, is_admin, created_at)
SELECT ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, 'generated' || n || '@bench.invalid', '', false, :now
FROM generate_series(0, :users - 1) n;

INSERT INTO projects (id, name, name_key, personal_of, created_at)
SELECT ('00000000-0000-7000-9000-' || lpad(to_hex(n), 12, '0'))::uuid, 'Personal', 'personal',
    ('00000000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid, :now
FROM generate_series(0, :users - 1) n;

INSERT INTO project_members (project_id, user_id, role, created_at)
SELECT id, personal_of, 'owner', created_at FROM projects WHERE personal_of IS NOT NULL;

INSERT INTO clients (id, name, redirect_uris, grant_types, auth_method, origin, created_at, last_used_at, disabled)
SELECT 'c_generated_' || n, 'Client ' || n, '["http://localhost/callback"]', '["authorization_code","refresh_token"]', 'none', 'dynamic',
    :now - 20 * :day, :now - (n % 60) * 60000, false
FROM generate_series(0, :clients - 1) n;

INSERT INTO grants (id, user_id, client_id, project_id, scopes, resource, authenticated_at, created_at)
SELECT ('00000000-0000-7000-a000-' || lpad(to_hex(n), 12, '0'))::uuid,
    ('00000000-0000-7000-8000-' || lpad(to_hex(n % :users), 12, '0'))::uuid, 'c_generated_' || n % :clients,
    ('00000000-0000-7000-9000-' || lpad(to_hex(n % :users), 12, '0'))::uuid,
    'docs:read', 'http://localhost:8080/mcp', :now - 20 * :day, :now - 20 * :day
FROM generate_series(0, :grants - 1) n;

INSERT INTO refresh_tokens (hash, grant_id, parent_hash, created_at, expires_at, rotated_at, superseded_at)
SELECT sha256(convert_to('dr_generated_' || n || '_' || k, 'UTF8')),
    ('00000000-0000-7000-a000-' || lpad(to_hex(n), 12, '0'))::uuid,
    CASE WHEN k > 0 THEN sha256(convert_to('dr_generated_' || n || '_' || (k - 1), 'UTF8')) END,
    :now - (5 - k) * :day, :now + (85 + k) * :day,
    CASE WHEN k < 4 THEN :now - (4 - k) * :day END,
    CASE WHEN k < 3 THEN :now - (3 - k) * :day END
FROM generate_series(0, :grants - 1) n, generate_series(0, 4) k;

VACUUM ANALYZE;
SELECT 'users' AS filled, count(*) FROM users UNION ALL SELECT 'clients', count(*) FROM clients
UNION ALL SELECT 'grants', count(*) FROM grants UNION ALL SELECT 'refresh_tokens', count(*) FROM refresh_tokens;
