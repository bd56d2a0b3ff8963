//! Registrations (AS13) and changes of clients that stand (RFC 7592).

use crate::error::StoreError;
use crate::ledger::write;
use crate::sql::{self, Rows};
use crate::{Store, clients, record, revocations};
use docent_types::ids::ClientId;
use docent_types::messages::{
    ChangeClient, ChangedBy, ClientChange, NotRegistered, RecordEvent, RegisterClient, RegisterDynamically, Unchanged,
};
use docent_types::registration::Client;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction};
use std::collections::{BTreeMap, HashMap, HashSet};
use std::time::Duration;

/// How often it is written at most that a client registered again.
const AGAIN_EVERY: Duration = Duration::from_secs(24 * 60 * 60);

/// A registration of a batch.
#[derive(Clone, Copy)]
pub(crate) struct Registration<'a> {
    client: &'a Client,
    initial_access_token: Option<SecretHash>,
    management: Option<SecretHash>,
    from: Option<&'a str>,
}

impl<'a> From<&'a RegisterClient> for Registration<'a> {
    fn from(ask: &'a RegisterClient) -> Self {
        Self { client: &ask.client, initial_access_token: None, management: None, from: ask.from.as_deref() }
    }
}

impl<'a> From<&'a RegisterDynamically> for Registration<'a> {
    fn from(ask: &'a RegisterDynamically) -> Self {
        Self { client: &ask.client, initial_access_token: ask.initial_access_token, management: ask.management, from: ask.from.as_deref() }
    }
}

/// An initial access token, as it is before and during a batch.
#[derive(Clone, Debug)]
struct TokenRow {
    left: i64,
    expires_at: Timestamp,
    revoked: bool,
    taken: i64,
    now: Timestamp,
}

impl TokenRow {
    /// Whether it permits a registration. Only a client that is not there yet uses it up: assistants register again at every login.
    fn permit(&mut self, is_new: bool, now: Timestamp) -> Result<(), NotRegistered> {
        if self.revoked {
            return Err(NotRegistered::Unknown);
        }
        if self.expires_at <= now {
            return Err(NotRegistered::Expired);
        }
        if is_new {
            if self.left <= 0 {
                return Err(NotRegistered::UsedUp);
            }
            self.left -= 1;
            self.taken += 1;
            self.now = now;
        }
        Ok(())
    }
}

/// What became of the registrations of a batch.
#[derive(Default)]
pub(crate) struct Registered {
    clients: HashMap<ClientId, Client>,
    refused: HashMap<(ClientId, SecretHash), NotRegistered>,
}

impl Registered {
    pub(crate) fn of(&self, client: &ClientId, token: Option<SecretHash>) -> Result<Result<Client, NotRegistered>, StoreError> {
        if let Some(refused) = token.and_then(|token| self.refused.get(&(client.clone(), token))) {
            return Ok(Err(*refused));
        }
        self.clients.get(client).cloned().map(Ok).ok_or_else(|| StoreError::Database("a client was not written".to_owned()))
    }
}

/// Writes the registrations that are permitted, with their registration access tokens, what they use of initial access tokens, and the
/// record of those that are new.
pub(crate) async fn register(
    store: &Store,
    transaction: &DatabaseTransaction,
    asked: &[Registration<'_>],
    events: &mut Vec<RecordEvent>,
) -> Result<Registered, StoreError> {
    let mut registered = Registered::default();
    if asked.is_empty() {
        return Ok(registered);
    }
    let mut tokens = initial_tokens(store, transaction, asked).await?;
    let mut known = if tokens.is_empty() && asked.iter().all(|one| one.initial_access_token.is_none()) {
        HashSet::new()
    } else {
        known_of(store, transaction, asked).await?
    };
    let mut permitted = Vec::with_capacity(asked.len());
    for one in asked {
        let Some(hash) = one.initial_access_token else {
            permitted.push(*one);
            continue;
        };
        let is_new = !known.contains(&one.client.id);
        let permit = tokens.get_mut(&hash.0).map_or(Err(NotRegistered::Unknown), |token| token.permit(is_new, one.client.created_at));
        match permit {
            Ok(()) => {
                known.insert(one.client.id.clone());
                permitted.push(*one);
            }
            Err(refused) => {
                registered.refused.insert((one.client.id.clone(), hash), refused);
            }
        }
    }
    if permitted.is_empty() {
        return Ok(registered);
    }
    let clients: Vec<&Client> = permitted.iter().map(|one| one.client).collect();
    let (stored, new) = write::register(store, transaction, &clients).await?;
    take(store, transaction, &tokens).await?;
    manage(store, transaction, &permitted, &new).await?;
    again(store, transaction, &permitted, &new).await?;
    let mut told = HashSet::new();
    for one in permitted {
        if new.contains(&one.client.id) && told.insert(&one.client.id) {
            events.push(RecordEvent {
                at: one.client.created_at,
                kind: "client.registered".to_owned(),
                user: None,
                client: Some(one.client.id.clone()),
                project: None,
                grant: None,
                from: one.from.map(str::to_owned),
                detail: serde_json::json!({ "name": one.client.name, "origin": one.client.origin.as_str() }),
            });
        }
    }
    registered.clients = stored;
    Ok(registered)
}

/// The initial access tokens of a batch, locked in the order of their hashes.
async fn initial_tokens(
    store: &Store,
    transaction: &DatabaseTransaction,
    asked: &[Registration<'_>],
) -> Result<BTreeMap<[u8; 32], TokenRow>, StoreError> {
    let hashes: BTreeMap<[u8; 32], ()> = asked.iter().filter_map(|one| one.initial_access_token).map(|hash| (hash.0, ())).collect();
    let mut tokens = BTreeMap::new();
    if hashes.is_empty() {
        return Ok(tokens);
    }
    let lock = if store.is_postgres() { " FOR UPDATE" } else { "" };
    let text =
        format!("SELECT hash, uses - used, expires_at, revoked_at FROM initial_access_tokens WHERE hash IN ({{rows}}) ORDER BY hash{lock}");
    let query = Rows::new(hashes.into_keys().map(|hash| [sql::bytes(hash)])).statement(store.backend(), &text, Vec::new());
    for row in transaction.query_all_raw(query).await? {
        let hash: Vec<u8> = row.try_get_by_index(0)?;
        let hash = SecretHash::from_slice(&hash).ok_or_else(|| StoreError::Database("a hash has not 32 bytes".to_owned()))?;
        let token = TokenRow {
            left: row.try_get_by_index(1)?,
            expires_at: Timestamp(row.try_get_by_index(2)?),
            revoked: row.try_get_by_index::<Option<i64>>(3)?.is_some(),
            taken: 0,
            now: Timestamp(0),
        };
        tokens.insert(hash.0, token);
    }
    Ok(tokens)
}

/// Which of the clients are there already.
async fn known_of(store: &Store, transaction: &DatabaseTransaction, asked: &[Registration<'_>]) -> Result<HashSet<ClientId>, StoreError> {
    let query = Rows::new(asked.iter().map(|one| [sql::text(one.client.id.as_str())])).statement(
        store.backend(),
        "SELECT id FROM clients WHERE id IN ({rows})",
        Vec::new(),
    );
    transaction.query_all_raw(query).await?.iter().map(|row| Ok(ClientId(row.try_get_by_index(0)?))).collect()
}

/// Counts what was used of initial access tokens.
async fn take(store: &Store, transaction: &DatabaseTransaction, tokens: &BTreeMap<[u8; 32], TokenRow>) -> Result<(), StoreError> {
    let used: Vec<_> = tokens.iter().filter(|(_, token)| token.taken > 0).collect();
    if used.is_empty() {
        return Ok(());
    }
    let count = used.len();
    let rows = Rows::new(used.into_iter().map(|(hash, token)| [sql::bytes(*hash), sql::number(token.taken), sql::number(token.now.0)]));
    let update = rows.statement(
        store.backend(),
        "UPDATE initial_access_tokens SET used = used + listed.taken, last_used_at = listed.now
         FROM (SELECT column1 AS hash, column2 AS taken, column3 AS now FROM ({rows}) AS rows) AS listed
         WHERE initial_access_tokens.hash = listed.hash AND used + listed.taken <= uses AND revoked_at IS NULL AND expires_at > listed.now",
        Vec::new(),
    );
    write::exactly(transaction, update, count).await
}

/// Writes the registration access tokens of new clients.
async fn manage(
    store: &Store,
    transaction: &DatabaseTransaction,
    permitted: &[Registration<'_>],
    new: &HashSet<ClientId>,
) -> Result<(), StoreError> {
    let tokens: BTreeMap<&ClientId, SecretHash> = permitted
        .iter()
        .filter(|one| new.contains(&one.client.id))
        .filter_map(|one| one.management.map(|hash| (&one.client.id, hash)))
        .collect();
    if tokens.is_empty() {
        return Ok(());
    }
    let count = tokens.len();
    let rows = Rows::new(tokens.into_iter().map(|(client, hash)| [sql::text(client.as_str()), sql::bytes(hash.0)]));
    let insert = rows.statement(
        store.backend(),
        "INSERT INTO registration_tokens (client_id, hash) SELECT column1, column2 FROM ({rows}) AS listed WHERE column1 IS NOT NULL",
        Vec::new(),
    );
    write::exactly(transaction, insert, count).await
}

/// A client that registers again is about to be used: it is not removed under its hands as one that never was.
async fn again(
    store: &Store,
    transaction: &DatabaseTransaction,
    permitted: &[Registration<'_>],
    new: &HashSet<ClientId>,
) -> Result<(), StoreError> {
    let seen: BTreeMap<&ClientId, Timestamp> =
        permitted.iter().filter(|one| !new.contains(&one.client.id)).map(|one| (&one.client.id, one.client.created_at)).collect();
    if seen.is_empty() {
        return Ok(());
    }
    let rows = Rows::new(
        seen.into_iter().map(|(client, now)| [sql::text(client.as_str()), sql::number(now.0), sql::number(now.before(AGAIN_EVERY).0)]),
    );
    let update = rows.statement(
        store.backend(),
        "UPDATE clients SET registered_at = listed.now
         FROM (SELECT column1 AS id, column2 AS now, column3 AS before FROM ({rows}) AS rows) AS listed
         WHERE clients.id = listed.id AND registered_at < listed.before",
        Vec::new(),
    );
    transaction.execute_raw(update).await?;
    Ok(())
}

/// Changes a client, and ends what people allowed it where that belongs to the change: one transaction, so a crash leaves all or nothing.
/// Answers how many grants ended by it. Comes last in the transaction, with revoking.
pub(crate) async fn change(
    store: &Store,
    transaction: &DatabaseTransaction,
    ask: &ChangeClient,
) -> Result<(Result<Client, Unchanged>, u64), StoreError> {
    let client = match permitted(store, transaction, ask).await? {
        Ok(client) => client,
        Err(unchanged) => return Ok((Err(unchanged), 0)),
    };
    let id = || sql::text(ask.client.as_str());
    let mut ended = 0;
    if matches!(ask.change, ClientChange::Disable | ClientChange::Remove) {
        let reason = if ask.by == ChangedBy::Operator { "administrator" } else { "client" };
        // An assistant that many people use has many grants: a statement has room for some.
        for some in revocations::live_grants_of_client(transaction, &ask.client).await?.chunks(256) {
            ended += revocations::revoke(store, transaction, some, reason, ask.now).await?;
        }
    }
    let (kind, changed) = match &ask.change {
        ClientChange::Disable => ("client.disabled", set_disabled(store, transaction, &client, true).await?),
        ClientChange::Enable => ("client.enabled", set_disabled(store, transaction, &client, false).await?),
        ClientChange::Remove => {
            let delete = sql::statement(store.backend(), "DELETE FROM clients WHERE id = $1", [id()]);
            write::exactly(transaction, delete, 1).await?;
            ("client.removed", client)
        }
        ClientChange::Secret(hash) => {
            let update =
                sql::statement(store.backend(), "UPDATE clients SET secret_hash = $2 WHERE id = $1", [id(), sql::bytes(hash.to_vec())]);
            write::exactly(transaction, update, 1).await?;
            ("client.secret_changed", Client { secret_hash: Some(*hash), ..client })
        }
        ClientChange::Replace(metadata) => ("client.changed", replace(store, transaction, client, metadata).await?),
    };
    if let (ClientChange::Replace(_), ChangedBy::Itself { token, successor }) = (&ask.change, ask.by) {
        let rotate = sql::statement(
            store.backend(),
            "UPDATE registration_tokens SET hash = $3 WHERE client_id = $1 AND hash = $2",
            [id(), sql::bytes(token.to_vec()), sql::bytes(successor.to_vec())],
        );
        write::exactly(transaction, rotate, 1).await?;
    }
    let event = RecordEvent {
        at: ask.now,
        kind: kind.to_owned(),
        user: None,
        client: Some(ask.client.clone()),
        project: None,
        grant: None,
        from: ask.from.clone(),
        detail: serde_json::json!({ "by": if ask.by == ChangedBy::Operator { "operator" } else { "client" }, "name": changed.name }),
    };
    record::insert_events(transaction, &[event]).await?;
    Ok((Ok(changed), ended))
}

/// The client, locked, if whoever asks may change it.
async fn permitted(store: &Store, transaction: &DatabaseTransaction, ask: &ChangeClient) -> Result<Result<Client, Unchanged>, StoreError> {
    let lock = if store.is_postgres() { " FOR UPDATE" } else { "" };
    let id = sql::text(ask.client.as_str());
    let columns = clients::PREFIXED;
    let query = match ask.by {
        ChangedBy::Operator => sql::statement(store.backend(), format!("SELECT {columns} FROM clients c WHERE c.id = $1{lock}"), [id]),
        ChangedBy::Itself { token, .. } => sql::statement(
            store.backend(),
            format!(
                "SELECT {columns} FROM clients c JOIN registration_tokens t ON t.client_id = c.id WHERE c.id = $1 AND t.hash = $2{lock}"
            ),
            [id, sql::bytes(token.to_vec())],
        ),
    };
    let Some(client) = transaction.query_one_raw(query).await?.as_ref().map(clients::read).transpose()? else {
        return Ok(Err(Unchanged::Unknown));
    };
    let blocked = client.disabled && ask.by != ChangedBy::Operator;
    Ok(if blocked { Err(Unchanged::Blocked) } else { Ok(client) })
}

async fn set_disabled(store: &Store, transaction: &DatabaseTransaction, client: &Client, disabled: bool) -> Result<Client, StoreError> {
    let update = sql::statement(
        store.backend(),
        "UPDATE clients SET disabled = $2 WHERE id = $1",
        [sql::text(client.id.as_str()), sea_orm::Value::Bool(Some(disabled))],
    );
    write::exactly(transaction, update, 1).await?;
    Ok(Client { disabled, ..client.clone() })
}

/// The client with the metadata of another; what it is and what it proves itself with stays.
async fn replace(store: &Store, transaction: &DatabaseTransaction, client: Client, metadata: &Client) -> Result<Client, StoreError> {
    let changed = Client {
        id: client.id,
        secret_hash: client.secret_hash,
        origin: client.origin,
        created_at: client.created_at,
        last_used_at: client.last_used_at,
        disabled: client.disabled,
        ..metadata.clone()
    };
    let [
        id,
        name,
        redirect_uris,
        grant_types,
        auth_method,
        _,
        scope,
        client_uri,
        software_id,
        software_version,
        application_type,
        jwks,
        jwks_uri,
        ..,
    ] = clients::as_row(&changed);
    let update = sql::statement(
        store.backend(),
        "UPDATE clients SET name = $2, redirect_uris = $3, grant_types = $4, auth_method = $5, scope = $6, client_uri = $7, software_id = $8,
            software_version = $9, application_type = $10, jwks = $11, jwks_uri = $12 WHERE id = $1",
        [
            id,
            name,
            redirect_uris,
            grant_types,
            auth_method,
            scope,
            client_uri,
            software_id,
            software_version,
            application_type,
            jwks,
            jwks_uri,
        ],
    );
    write::exactly(transaction, update, 1).await?;
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_000);

    fn token(left: i64) -> TokenRow {
        TokenRow { left, expires_at: Timestamp(2_000), revoked: false, taken: 0, now: Timestamp(0) }
    }

    /// AS13: a client that registers again takes nothing, and is not locked out when nothing is left.
    #[test]
    fn only_a_new_client_uses_an_initial_access_token_up() {
        let mut one = token(1);
        assert_eq!(one.permit(true, NOW), Ok(()));
        assert_eq!(one.permit(true, NOW), Err(NotRegistered::UsedUp));
        assert_eq!(one.permit(false, NOW), Ok(()));
        assert_eq!((one.left, one.taken), (0, 1));
    }

    /// AS13.
    #[test]
    fn a_token_that_ended_or_was_revoked_permits_nothing() {
        assert_eq!(token(9).permit(true, Timestamp(2_000)), Err(NotRegistered::Expired));
        assert_eq!(token(9).permit(false, Timestamp(2_000)), Err(NotRegistered::Expired));
        assert_eq!(TokenRow { revoked: true, ..token(9) }.permit(false, NOW), Err(NotRegistered::Unknown));
    }
}
