//! The trusted issuers of the configuration, as the authorization server takes them.

use crate::configuration::{self, AllowedClient, Configuration};
use anyhow::{Context as _, bail};
use docent_authorization_server::identity_assertion::{self, AccountPolicy, KeySource, TrustedIssuer, issuer};
use docent_types::ids::ClientId;

/// All of them. A file with keys is read now.
///
/// # Errors
/// In words for the operator.
pub fn of(configuration: &Configuration) -> anyhow::Result<Vec<TrustedIssuer>> {
    let read = configuration.auth.trusted_issuers.iter().map(|one| {
        let name = if one.issuer.is_empty() { "an issuer without issuer" } else { &one.issuer };
        trusted(one).with_context(|| format!("auth.trusted_issuers, {name}"))
    });
    read.collect()
}

fn trusted(one: &configuration::TrustedIssuer) -> anyhow::Result<TrustedIssuer> {
    let keys = match (one.jwks_uri.is_empty(), one.jwks_file.as_os_str().is_empty()) {
        (false, true) => KeySource::Uri(one.jwks_uri.clone()),
        (true, false) => {
            KeySource::Text(std::fs::read_to_string(&one.jwks_file).with_context(|| format!("cannot read {}", one.jwks_file.display()))?)
        }
        _ => bail!("set one of jwks_uri and jwks_file"),
    };
    let algorithms = issuer::algorithms(&one.algorithms).map_err(|name| {
        anyhow::anyhow!(
            "\"{name}\" is not an algorithm that can be accepted: RS256, RS384, RS512, PS256, PS384, PS512, ES256, ES384, EdDSA"
        )
    })?;
    let clients = one.clients.iter().map(|client| match client {
        AllowedClient::Id(id) => identity_assertion::AllowedClient { id: ClientId(id.clone()), known_as: None },
        AllowedClient::Named { id, known_as } => {
            identity_assertion::AllowedClient { id: ClientId(id.clone()), known_as: Some(known_as.clone()) }
        }
    });
    let set = |text: &String| Some(text.clone()).filter(|text| !text.is_empty());
    Ok(TrustedIssuer {
        algorithms,
        clients: clients.collect(),
        accounts: match one.accounts {
            configuration::AccountPolicy::Existing => AccountPolicy::Existing,
            configuration::AccountPolicy::Create => AccountPolicy::Create,
        },
        project: set(&one.project),
        tenant: set(&one.tenant),
        ..TrustedIssuer::new(&one.issuer, keys)
    })
}
