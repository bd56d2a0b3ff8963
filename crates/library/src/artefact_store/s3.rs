//! Object stores that speak S3.

use super::Remote;
use object_store::aws::AmazonS3Builder;
use object_store::{ClientOptions, RetryConfig};
use std::sync::Arc;
use std::time::Duration;

/// Where an S3-compatible object store is, and who asks.
#[derive(Clone, Default)]
pub struct S3 {
    /// `s3://bucket/prefix`
    pub url: String,
    /// The server, for all but Amazon's own; `http://` is permitted.
    pub endpoint: String,
    /// Empty for `us-east-1` or what the environment says.
    pub region: String,
    /// Empty for what the environment or the machine says.
    pub access_key_id: String,
    /// With the access key.
    pub secret_access_key: String,
    /// Whether the bucket stands in the path and not in the host's name.
    pub path_style: bool,
}

impl std::fmt::Debug for S3 {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("S3").field("url", &self.url).field("endpoint", &self.endpoint).finish_non_exhaustive()
    }
}

/// Why a configured object store is none.
#[derive(Debug, thiserror::Error)]
pub enum S3Error {
    /// The URL.
    #[error("\"{0}\" is not the place of an object store: write s3://BUCKET or s3://BUCKET/PREFIX")]
    Url(String),
    /// Half of the credentials.
    #[error("the access key and its secret belong together: give both or none")]
    HalfCredentials,
    /// What the client says.
    #[error("{0}")]
    Client(#[from] object_store::Error),
    /// No thread could be started.
    #[error("{0}")]
    Thread(#[from] std::io::Error),
}

impl S3 {
    /// The object store. Nothing is asked of it yet.
    ///
    /// # Errors
    /// [`S3Error`].
    pub fn connect(&self) -> Result<Remote, S3Error> {
        let malformed = || S3Error::Url(self.url.clone());
        let place = self.url.strip_prefix("s3://").ok_or_else(malformed)?;
        let (bucket, prefix) = place.split_once('/').unwrap_or((place, ""));
        if bucket.is_empty() || prefix.split('/').any(|part| part == "." || part == "..") {
            return Err(malformed());
        }
        if self.access_key_id.is_empty() != self.secret_access_key.is_empty() {
            return Err(S3Error::HalfCredentials);
        }
        let client = ClientOptions::new()
            .with_allow_http(self.endpoint.starts_with("http://"))
            .with_connect_timeout(Duration::from_secs(5))
            .with_read_timeout(Duration::from_secs(20))
            .with_timeout(Duration::from_secs(1_800));
        let retry = RetryConfig { max_retries: 4, retry_timeout: Duration::from_secs(30), ..RetryConfig::default() };
        let mut builder = AmazonS3Builder::from_env()
            .with_bucket_name(bucket)
            .with_virtual_hosted_style_request(!self.path_style)
            .with_client_options(client)
            .with_retry(retry);
        if !self.endpoint.is_empty() {
            builder = builder.with_endpoint(self.endpoint.trim_end_matches('/'));
        }
        if !self.region.is_empty() {
            builder = builder.with_region(&self.region);
        }
        if !self.access_key_id.is_empty() {
            builder = builder.with_access_key_id(&self.access_key_id).with_secret_access_key(&self.secret_access_key);
        }
        Ok(Remote::new(Arc::new(builder.build()?), prefix)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(place: S3) -> String {
        place.connect().err().map(|error| error.to_string()).unwrap_or_default()
    }

    #[test]
    fn what_is_configured_wrongly_is_said_before_anything_is_asked() {
        for url in ["", "docs", "https://docs", "s3://", "s3:///prefix", "s3://docs/../x"] {
            assert!(error(S3 { url: url.to_owned(), ..S3::default() }).contains("s3://BUCKET/PREFIX"), "{url}");
        }
        let half = S3 { url: "s3://docs".to_owned(), access_key_id: "me".to_owned(), ..S3::default() };
        assert!(error(half).contains("belong together"));
    }

    #[test]
    fn secrets_are_not_shown() {
        let place =
            S3 { url: "s3://docs".to_owned(), access_key_id: "me".to_owned(), secret_access_key: "hunter2".to_owned(), ..S3::default() };
        assert!(!format!("{place:?}").contains("hunter2"));
        assert_eq!(error(place), "");
    }
}
