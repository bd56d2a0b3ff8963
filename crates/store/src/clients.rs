//! Registered clients, as authorization reads them. They are written by the ledger.

use crate::entity::clients;
use crate::error::StoreError;
use crate::{Store, sql};
use docent_types::ids::ClientId;
use docent_types::registration::{AuthMethod, Client, ClientOrigin};
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, EntityTrait as _, FromQueryResult as _, QueryResult, Value};

/// The columns of a client, so named that they can stand next to others.
pub(crate) const PREFIXED: &str = "c.id AS c_id, c.name AS c_name, c.redirect_uris AS c_redirect_uris, c.grant_types AS c_grant_types,
    c.auth_method AS c_auth_method, c.secret_hash AS c_secret_hash, c.scope AS c_scope, c.client_uri AS c_client_uri,
    c.software_id AS c_software_id, c.software_version AS c_software_version, c.application_type AS c_application_type, c.jwks AS c_jwks, c.jwks_uri AS c_jwks_uri,
    c.origin AS c_origin, c.created_at AS c_created_at, c.last_used_at AS c_last_used_at, c.disabled AS c_disabled";

/// Reads a client from [`PREFIXED`] columns.
pub(crate) fn read(row: &QueryResult) -> Result<Client, StoreError> {
    of_model(clients::Model::from_query_result(row, "c_")?)
}

fn of_model(row: clients::Model) -> Result<Client, StoreError> {
    let damaged = |column: &str| StoreError::Database(format!("a client's {column} cannot be read"));
    Ok(Client {
        id: ClientId(row.id),
        name: row.name,
        redirect_uris: serde_json::from_str(&row.redirect_uris).map_err(|_| damaged("redirect_uris"))?,
        grant_types: serde_json::from_str(&row.grant_types).map_err(|_| damaged("grant_types"))?,
        auth_method: AuthMethod::parse(&row.auth_method).ok_or_else(|| damaged("auth_method"))?,
        secret_hash: match row.secret_hash {
            Some(hash) => Some(SecretHash::from_slice(&hash).ok_or_else(|| damaged("secret_hash"))?),
            None => None,
        },
        scope: row.scope,
        client_uri: row.client_uri,
        software_id: row.software_id,
        software_version: row.software_version,
        application_type: row.application_type,
        jwks: row.jwks.map(|jwks| serde_json::from_str(&jwks)).transpose().map_err(|_| damaged("jwks"))?,
        jwks_uri: row.jwks_uri,
        origin: ClientOrigin::parse(&row.origin).ok_or_else(|| damaged("origin"))?,
        created_at: Timestamp(row.created_at),
        last_used_at: row.last_used_at.map(Timestamp),
        disabled: row.disabled,
    })
}

/// The columns in the order of [`as_row`].
pub(crate) const COLUMNS: &str = "id, name, redirect_uris, grant_types, auth_method, secret_hash, scope, client_uri, software_id, \
    software_version, application_type, jwks, jwks_uri, origin, created_at, disabled";

/// A client as a row of [`COLUMNS`].
pub(crate) fn as_row(client: &Client) -> [Value; 16] {
    [
        sql::text(client.id.as_str()),
        sql::text(&client.name),
        sql::text(serde_json::json!(client.redirect_uris).to_string()),
        sql::text(serde_json::json!(client.grant_types).to_string()),
        sql::text(client.auth_method.as_str()),
        Value::Bytes(client.secret_hash.map(SecretHash::to_vec)),
        sql::text_or_null(client.scope.as_deref()),
        sql::text_or_null(client.client_uri.as_deref()),
        sql::text_or_null(client.software_id.as_deref()),
        sql::text_or_null(client.software_version.as_deref()),
        sql::text_or_null(client.application_type.as_deref()),
        sql::text_or_null(client.jwks.as_ref().map(ToString::to_string)),
        sql::text_or_null(client.jwks_uri.as_deref()),
        sql::text(client.origin.as_str()),
        sql::number(client.created_at.0),
        Value::Bool(Some(client.disabled)),
    ]
}

impl Store {
    /// A client.
    ///
    /// # Errors
    /// What the database says.
    pub async fn client(&self, id: &ClientId) -> Result<Option<Client>, StoreError> {
        clients::Entity::find_by_id(id.0.clone()).one(self.reader()).await?.map(of_model).transpose()
    }

    /// The clients, those of the operator first, then the last used; at most `limit`.
    ///
    /// # Errors
    /// What the database says.
    pub async fn clients(&self, limit: u64) -> Result<Vec<Client>, StoreError> {
        let text = format!(
            "SELECT {PREFIXED} FROM clients c
             ORDER BY CASE c.origin WHEN 'operator' THEN 0 ELSE 1 END, COALESCE(c.last_used_at, c.created_at) DESC, c.id LIMIT $1"
        );
        let rows = self.reader().query_all_raw(sql::statement(self.backend(), text, [sql::number(sql::count(limit))])).await?;
        rows.iter().map(read).collect()
    }

    /// The client whose registration access token this is (RFC 7592).
    ///
    /// # Errors
    /// What the database says.
    pub async fn client_by_registration_token(&self, token: SecretHash) -> Result<Option<Client>, StoreError> {
        let text = format!("SELECT {PREFIXED} FROM registration_tokens t JOIN clients c ON c.id = t.client_id WHERE t.hash = $1");
        let row = self.reader().query_one_raw(sql::statement(self.backend(), text, [sql::bytes(token.to_vec())])).await?;
        row.as_ref().map(read).transpose()
    }
}
