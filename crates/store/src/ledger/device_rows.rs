//! Reading and writing the rows of device authorizations.

use crate::Store;
use crate::error::StoreError;
use crate::ledger::decide::State;
use crate::ledger::device::{Ask, DeviceRow, Devices};
use crate::ledger::load::{GRANT, grant, hash, hashes, moment};
use crate::ledger::write::exactly;
use crate::sql::{self, Rows};
use docent_types::ids::{ClientId, GrantId, SessionId, UserId};
use docent_types::messages::{BeginDeviceAuthorization, DeviceRequest};
use docent_types::scope::ScopeSet;
use docent_types::secret::SecretHash;
use docent_types::time::Timestamp;
use sea_orm::{ConnectionTrait as _, DatabaseTransaction, QueryResult, Value};
use std::collections::BTreeMap;
use uuid::Uuid;

const AUTHORIZATION: &str = "x.hash AS hash, x.user_code_hash AS user_code_hash, x.client_id AS device_client, x.is_proved AS is_proved,
    x.scopes AS device_scopes, x.resource AS device_resource, x.code_challenge AS code_challenge, x.from_address AS from_address,
    x.created_at AS created_at, x.expires_at AS expires_at, x.interval_seconds AS interval_seconds, x.polled_at AS polled_at,
    x.claimed_by AS claimed_by, s.user_id AS claimed_person, x.grant_id AS device_grant, x.denied_at AS denied_at, x.consumed_at AS consumed_at";

/// Writes those that begin, unless a user code is taken, and reads what the other requests name.
pub(super) async fn load(
    store: &Store,
    transaction: &DatabaseTransaction,
    asks: &[&Ask],
    devices: &mut Devices,
    state: &mut State,
) -> Result<(), StoreError> {
    let mut begins: BTreeMap<[u8; 32], &BeginDeviceAuthorization> = BTreeMap::new();
    let mut named: Vec<SecretHash> = Vec::new();
    for ask in asks {
        match ask {
            Ask::Begin(ask) => drop(begins.insert(ask.device_code.0, ask)),
            Ask::Claim(ask) => named.push(ask.user_code),
            Ask::Decide(ask) => named.push(ask.user_code),
            Ask::Poll(ask) => named.push(ask.device_code),
        }
    }
    begin(store, transaction, begins.into_values(), devices).await?;
    // A hash of a device code never equals one of a user code, so that one list serves for both. Two conditions with OR would read the
    // whole table.
    const NAMED: &str = "hash IN ({rows} UNION SELECT hash FROM device_authorizations WHERE user_code_hash IN ({rows}))";
    if named.is_empty() {
        return Ok(());
    }
    if store.is_postgres() {
        let text = format!("SELECT 1 FROM device_authorizations WHERE {NAMED} ORDER BY hash FOR UPDATE");
        transaction.query_all_raw(hashes(named.iter().copied()).statement(store.backend(), &text, Vec::new())).await?;
    }
    let text = format!(
        "SELECT {AUTHORIZATION}, {GRANT} FROM device_authorizations x LEFT JOIN sessions s ON s.id = x.claimed_by
         LEFT JOIN grants g ON g.id = x.grant_id LEFT JOIN users u ON u.id = g.user_id
         LEFT JOIN project_members m ON m.project_id = g.project_id AND m.user_id = g.user_id WHERE x.{NAMED}"
    );
    let query = hashes(named.iter().copied()).statement(store.backend(), &text, Vec::new());
    for row in transaction.query_all_raw(query).await? {
        let device_code = hash(&row, "hash")?;
        let device = read(&row)?;
        if device.grant.is_some() {
            let grant = grant(&row)?;
            state.grants.insert(grant.facts.grant, grant);
        }
        devices.by_user_code.insert(hash(&row, "user_code_hash")?, device_code);
        devices.rows.insert(device_code, device);
    }
    Ok(())
}

fn read(row: &QueryResult) -> Result<DeviceRow, StoreError> {
    let scopes: String = row.try_get("", "device_scopes")?;
    let claimed_by: Option<Uuid> = row.try_get("", "claimed_by")?;
    let claimed_person: Option<Uuid> = row.try_get("", "claimed_person")?;
    Ok(DeviceRow {
        asked: DeviceRequest {
            client: ClientId(row.try_get("", "device_client")?),
            is_proved: row.try_get("", "is_proved")?,
            scopes: ScopeSet::parse_known(&scopes),
            resource: row.try_get("", "device_resource")?,
            from: row.try_get("", "from_address")?,
            asked_at: Timestamp(row.try_get("", "created_at")?),
        },
        code_challenge: row.try_get("", "code_challenge")?,
        interval: u32::try_from(row.try_get::<i64>("", "interval_seconds")?).unwrap_or(u32::MAX),
        expires_at: Timestamp(row.try_get("", "expires_at")?),
        polled_at: moment(row, "polled_at")?,
        claimed: claimed_by.map(|session| (SessionId(session), claimed_person.map(UserId))),
        grant: row.try_get::<Option<Uuid>>("", "device_grant")?.map(GrantId),
        denied_at: moment(row, "denied_at")?,
        consumed_at: moment(row, "consumed_at")?,
    })
}

async fn begin(
    store: &Store,
    transaction: &DatabaseTransaction,
    asks: impl Iterator<Item = &BeginDeviceAuthorization>,
    devices: &mut Devices,
) -> Result<(), StoreError> {
    let mut asks = asks.peekable();
    if asks.peek().is_none() {
        return Ok(());
    }
    let rows = Rows::new(asks.map(|ask| {
        [
            sql::bytes(ask.device_code.0),
            sql::bytes(ask.user_code.0),
            sql::text(ask.asked.client.as_str()),
            Value::Bool(Some(ask.asked.is_proved)),
            sql::text(ask.asked.scopes.to_string()),
            sql::text(&ask.asked.resource),
            sql::text_or_null(ask.code_challenge.as_deref()),
            sql::text_or_null(ask.asked.from.as_deref()),
            sql::number(ask.asked.asked_at.0),
            sql::number(ask.expires_at.0),
            sql::number(ask.interval.into()),
        ]
    }));
    let insert = rows.statement(
        store.backend(),
        "INSERT INTO device_authorizations (hash, user_code_hash, client_id, is_proved, scopes, resource, code_challenge, from_address,
            created_at, expires_at, interval_seconds)
         SELECT column1, column2, column3, column4, column5, column6, column7, column8, column9, column10, column11
         FROM ({rows}) AS listed WHERE column1 IS NOT NULL ON CONFLICT DO NOTHING RETURNING hash",
        Vec::new(),
    );
    for row in transaction.query_all_raw(insert).await? {
        devices.begun.insert(hash(&row, "hash")?);
    }
    Ok(())
}

/// Writes what was decided; a code that was consumed is never written again.
pub(super) async fn write(store: &Store, transaction: &DatabaseTransaction, devices: &Devices) -> Result<(), StoreError> {
    let changed: Vec<([u8; 32], &DeviceRow)> =
        devices.changed.iter().filter_map(|hash| devices.rows.get(&SecretHash(*hash)).map(|row| (*hash, row))).collect();
    if changed.is_empty() {
        return Ok(());
    }
    let time = |at: Option<Timestamp>| Value::BigInt(at.map(|at| at.0));
    let rows = Rows::new(changed.iter().map(|(hash, row)| {
        [
            sql::bytes(*hash),
            sql::number(row.interval.into()),
            time(row.polled_at),
            sql::uuid_or_null(row.claimed.map(|(session, _)| session.0)),
            sql::uuid_or_null(row.grant.map(|grant| grant.0)),
            time(row.denied_at),
            time(row.consumed_at),
        ]
    }));
    let update = rows.statement(
        store.backend(),
        "UPDATE device_authorizations SET interval_seconds = listed.column2, polled_at = listed.column3, claimed_by = listed.column4,
            grant_id = listed.column5, denied_at = listed.column6, consumed_at = listed.column7 FROM ({rows}) AS listed
         WHERE device_authorizations.hash = listed.column1 AND device_authorizations.consumed_at IS NULL",
        Vec::new(),
    );
    exactly(transaction, update, changed.len()).await
}
