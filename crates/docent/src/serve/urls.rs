//! Where this deployment is reached: an issuer is one string, byte for byte the same everywhere.

use crate::command_line::Role;
use crate::configuration::Configuration;
use anyhow::{Context as _, bail};
use docent_types::metadata::PublicUrls;
use std::net::SocketAddr;
use url::{Host, Url};

/// The roles of one process.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Roles {
    /// The authorization server and the pages.
    pub auth: bool,
    /// The MCP endpoint.
    pub mcp: bool,
    /// The ingestor.
    pub worker: bool,
}

impl Roles {
    /// From the command line: none named is all.
    #[must_use]
    pub fn new(named: &[Role]) -> Self {
        let has = |role| named.is_empty() || named.contains(&role);
        Self { auth: has(Role::Auth), mcp: has(Role::Mcp), worker: has(Role::Worker) }
    }

    /// Whether this process does everything.
    #[must_use]
    pub const fn all(self) -> bool {
        self.auth && self.mcp && self.worker
    }
}

/// The URLs of a server that listens on `address`.
///
/// # Errors
/// A URL that is not one, or one that a process with some of the roles would have to guess.
pub fn for_server(configuration: &Configuration, roles: Roles, address: SocketAddr) -> anyhow::Result<PublicUrls> {
    let here = format!("http://localhost:{}", address.port());
    let split = !(roles.auth && roles.mcp) && (roles.auth || roles.mcp);
    let (auth, mcp) = (configuration.auth.public_url.as_str(), configuration.mcp.public_url.as_str());
    if split && (auth.is_empty() || mcp.is_empty()) {
        bail!(
            "a process that serves only some roles cannot know where the others are: set auth.public_url and mcp.public_url (DOCENT__AUTH__PUBLIC_URL, DOCENT__MCP__PUBLIC_URL), the same in every process"
        );
    }
    let issuer = if auth.is_empty() { here } else { checked("auth.public_url", auth)? };
    let origin = if mcp.is_empty() {
        PublicUrls { issuer: issuer.clone(), resource: String::new() }.issuer_origin().to_owned()
    } else {
        checked("mcp.public_url", mcp)?
    };
    Ok(PublicUrls { issuer, resource: format!("{origin}/mcp") })
}

/// The URLs as commands besides `serve` know them: from the configuration, else from its listening address.
///
/// # Errors
/// See [`for_server`].
pub fn for_commands(configuration: &Configuration) -> anyhow::Result<PublicUrls> {
    let address = listen_address(configuration, None)?;
    for_server(configuration, Roles { auth: true, mcp: true, worker: true }, address)
}

/// The address to listen on.
///
/// # Errors
/// `server.listen` is not an address with a port.
pub fn listen_address(configuration: &Configuration, wanted: Option<SocketAddr>) -> anyhow::Result<SocketAddr> {
    match wanted {
        Some(address) => Ok(address),
        None => configuration.server.listen.parse().with_context(|| {
            format!("server.listen \"{}\" is not an address with a port, like 127.0.0.1:8080", configuration.server.listen)
        }),
    }
}

fn checked(key: &str, text: &str) -> anyhow::Result<String> {
    let url = Url::parse(text).with_context(|| format!("{key} \"{text}\" is not a URL"))?;
    if text.ends_with('/') || url.query().is_some() || url.fragment().is_some() || !url.username().is_empty() || url.password().is_some() {
        bail!("{key} \"{text}\" must have no slash at its end, no query, no fragment and no user");
    }
    let is_loopback = match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        None => false,
    };
    match url.scheme() {
        "https" => {}
        "http" if is_loopback => {}
        "http" => bail!(
            "{key} \"{text}\" must be https: browsers and assistants refuse sign-in over plain http except on localhost. Put a TLS proxy before Docent (docs/deployment.md)."
        ),
        _ => bail!("{key} \"{text}\" must be an http or https URL"),
    }
    // The text must be what a parser makes of it (lower case, no default port), since clients compare bytes.
    let normal = url.as_str().strip_suffix('/').filter(|_| url.path() == "/").unwrap_or(url.as_str());
    if normal != text {
        bail!("{key} \"{text}\" should be written \"{normal}\": clients compare it byte for byte");
    }
    Ok(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::configuration::load;

    const ALL: Roles = Roles { auth: true, mcp: true, worker: true };

    fn urls(variables: &[(&str, &str)], roles: Roles) -> anyhow::Result<PublicUrls> {
        let variables: Vec<(String, String)> = variables.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        for_server(&load(None, &variables).unwrap().0, roles, "127.0.0.1:9000".parse().unwrap())
    }

    #[test]
    fn together_both_default_to_the_port_that_is_listened_on() {
        let urls = urls(&[], ALL).unwrap();
        assert_eq!((urls.issuer.as_str(), urls.resource.as_str()), ("http://localhost:9000", "http://localhost:9000/mcp"));
    }

    #[test]
    fn the_resource_follows_the_issuers_origin() {
        let urls = urls(&[("DOCENT__AUTH__PUBLIC_URL", "https://d.example/auth")], ALL).unwrap();
        assert_eq!((urls.issuer.as_str(), urls.resource.as_str()), ("https://d.example/auth", "https://d.example/mcp"));
    }

    #[test]
    fn a_role_on_its_own_must_be_told_both() {
        assert!(urls(&[], Roles { auth: true, mcp: false, worker: false }).is_err());
        assert!(urls(&[("DOCENT__AUTH__PUBLIC_URL", "https://a.example")], Roles { auth: false, mcp: true, worker: false }).is_err());
        assert!(urls(&[], Roles { auth: false, mcp: false, worker: true }).is_ok());
    }

    #[test]
    fn urls_that_clients_would_stumble_over_are_refused() {
        for bad in [
            "https://d.example/",
            "http://d.example",
            "https://D.example",
            "https://d.example:443",
            "https://u@d.example",
            "ftp://d.example",
            "d.example",
            "https://d.example?x",
        ] {
            assert!(urls(&[("DOCENT__AUTH__PUBLIC_URL", bad)], ALL).is_err(), "{bad}");
        }
    }
}
