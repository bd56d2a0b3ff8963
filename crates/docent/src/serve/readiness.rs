//! `/healthz`: the process is up. `/readyz`: it can serve: database, keys, indexes.

use super::composition::Parts;
use actix_web::{HttpResponse, web};
use serde::Serialize;

#[derive(Serialize)]
struct Report {
    status: &'static str,
    checks: Vec<Check>,
}

#[derive(Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    #[serde(skip_serializing_if = "String::is_empty")]
    message: String,
}

/// `GET /healthz`
pub async fn healthz() -> HttpResponse {
    HttpResponse::Ok().json(serde_json::json!({ "status": "ok" }))
}

/// `GET /readyz`: 200 if everything that this process needs is there, else 503. Damaged indexes are reported, and do
/// not take the node out: it serves the others.
pub async fn readyz(parts: web::Data<Parts>) -> HttpResponse {
    let database = match parts.store.ping().await {
        Ok(()) => Check { name: "database", ok: true, message: String::new() },
        Err(_) => Check { name: "database", ok: false, message: "the database does not answer".to_owned() },
    };
    let mut checks = vec![database];
    if parts.roles.auth || parts.roles.mcp {
        let ok = !parts.keys.load().keys.is_empty();
        let message = if ok { String::new() } else { "no signing key is known; the authorization server has not answered yet".to_owned() };
        checks.push(Check { name: "keys", ok, message });
    }
    let can_serve = checks.iter().all(|check| check.ok);
    let damaged = parts.shelf.damaged();
    let message = damaged.iter().map(|(version, why)| format!("{version}: {why}")).collect::<Vec<_>>().join("; ");
    checks.push(Check { name: "indexes", ok: damaged.is_empty(), message });
    let status = match (can_serve, damaged.is_empty()) {
        (false, _) => "unavailable",
        (true, false) => "degraded",
        (true, true) => "ready",
    };
    let report = Report { status, checks };
    if can_serve {
        HttpResponse::Ok().json(report)
    } else {
        HttpResponse::ServiceUnavailable().insert_header(("retry-after", "2")).json(report)
    }
}
