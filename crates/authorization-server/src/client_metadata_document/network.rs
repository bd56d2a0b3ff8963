//! The network as it is: the system's resolver, TCP and TLS.

use super::fetch::{Connect, Resolve, Stream};
use futures_util::future::BoxFuture;
use rustls_platform_verifier::Verifier;
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::Arc;
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::pki_types::pem::PemObject as _;
use tokio_rustls::rustls::pki_types::{CertificateDer, ServerName};
use tokio_rustls::rustls::{self, ClientConfig};
use url::Host;

/// Threads that may wait for the system's resolver. Its calls cannot be given up, so those that nobody waits for any more count too.
const LOOKUPS: usize = 16;

/// The system's resolver, on threads of their own.
pub struct SystemResolver(Arc<Semaphore>);

impl Default for SystemResolver {
    fn default() -> Self {
        Self(Arc::new(Semaphore::new(LOOKUPS)))
    }
}

impl Resolve for SystemResolver {
    fn resolve(&self, host: String) -> BoxFuture<'static, io::Result<Vec<IpAddr>>> {
        let threads = Arc::clone(&self.0);
        Box::pin(async move {
            let permit = threads.acquire_owned().await.map_err(io::Error::other)?;
            let found = tokio::task::spawn_blocking(move || {
                let _permit = permit;
                (host.as_str(), 0).to_socket_addrs().map(|found| found.map(|address| address.ip()).collect())
            });
            found.await.map_err(io::Error::other)?
        })
    }
}

/// TCP, and TLS with the system's certificate authorities.
pub struct Tls(TlsConnector);

/// Why TLS cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// The file of a further authority has no certificate in it.
    #[error("it has no certificate in PEM form")]
    Pem,
    /// No authority is known, or one is damaged.
    #[error("{0}")]
    Set(#[from] rustls::Error),
}

impl Tls {
    /// Trusts the system's authorities and those in `more`, a file in PEM form.
    ///
    /// # Errors
    /// [`TlsError`].
    pub fn new(more: Option<&[u8]>) -> Result<Self, TlsError> {
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let authorities = match more {
            None => Vec::new(),
            Some(pem) => CertificateDer::pem_slice_iter(pem).collect::<Result<Vec<_>, _>>().map_err(|_| TlsError::Pem)?,
        };
        if more.is_some() && authorities.is_empty() {
            return Err(TlsError::Pem);
        }
        let verifier = Verifier::new_with_extra_roots(authorities, Arc::clone(&provider))?;
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_no_client_auth();
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        Ok(Self(TlsConnector::from(Arc::new(config))))
    }
}

impl Connect for Tls {
    fn connect(&self, host: Host<String>, to: SocketAddr) -> BoxFuture<'static, io::Result<Box<dyn Stream>>> {
        let tls = self.0.clone();
        Box::pin(async move {
            let name = match host {
                Host::Domain(name) => ServerName::try_from(name).map_err(io::Error::other)?,
                Host::Ipv4(address) => ServerName::from(IpAddr::V4(address)),
                Host::Ipv6(address) => ServerName::from(IpAddr::V6(address)),
            };
            let tcp = TcpStream::connect(to).await?;
            tcp.set_nodelay(true)?;
            Ok(Box::new(tls.connect(name, tcp).await?) as Box<dyn Stream>)
        })
    }
}
