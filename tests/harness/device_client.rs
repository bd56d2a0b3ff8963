//! A machine without a browser (RFC 8628), and the person who types its code.

use crate::http::Answer;
use crate::person::Form;
use crate::{Installation, OAuthClient, Person, Result};
use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use url::Url;

/// The grant type.
pub const GRANT_TYPE: &str = "urn:ietf:params:oauth:grant-type:device_code";

/// A registered client that uses device authorization.
#[derive(Clone, Debug)]
pub struct DeviceClient {
    /// Its registration.
    pub client: OAuthClient,
}

/// What it was given to wait with.
#[derive(Clone, Debug)]
pub struct DeviceCodes {
    /// `device_code`.
    pub device_code: String,
    /// `user_code`.
    pub user_code: String,
    /// `verification_uri`.
    pub verification_uri: String,
    /// `verification_uri_complete`.
    pub verification_uri_complete: String,
    /// `interval`.
    pub interval: u64,
}

impl DeviceClient {
    /// Finds the issuer and registers a public client without redirect URIs.
    ///
    /// # Errors
    /// A step of it is answered with something else.
    pub async fn register(installation: &Installation, name: &str) -> Result<Self> {
        let wanted = json!({"client_name": name, "grant_types": [GRANT_TYPE, "refresh_token"], "token_endpoint_auth_method": "none"});
        Ok(Self { client: OAuthClient::register_with(installation, &wanted).await? })
    }

    /// Asks for codes, with further parameters.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn ask(&self, more: &[(&str, &str)]) -> Result<Answer> {
        let mut parameters = vec![("client_id", self.client.client_id.as_str()), ("resource", self.client.resource.as_str())];
        parameters.extend_from_slice(more);
        Answer::of(self.client.http.post(self.client.endpoint("device_authorization_endpoint")?).form(&parameters)).await
    }

    /// Asks for codes.
    ///
    /// # Errors
    /// It was refused, or is answered in another way than RFC 8628 3.2 says.
    pub async fn begin(&self, more: &[(&str, &str)]) -> Result<DeviceCodes> {
        let answer = self.ask(more).await?;
        let body = answer.expect(200)?;
        ensure!(answer.header("cache-control").contains("no-store"), "codes may be cached: {:?}", answer.headers);
        ensure!(body["expires_in"].as_u64().is_some_and(|seconds| seconds >= 300), "{body}");
        let text = |name: &str| -> Result<String> { Ok(body[name].as_str().with_context(|| format!("no {name} in {body}"))?.to_owned()) };
        Ok(DeviceCodes {
            device_code: text("device_code")?,
            user_code: text("user_code")?,
            verification_uri: text("verification_uri")?,
            verification_uri_complete: text("verification_uri_complete")?,
            interval: body["interval"].as_u64().context("no interval")?,
        })
    }

    /// Asks for tokens, with further parameters; the answer may be an error.
    ///
    /// # Errors
    /// Nobody answers.
    pub async fn poll(&self, codes: &DeviceCodes, more: &[(&str, &str)]) -> Result<Answer> {
        let mut parameters =
            vec![("grant_type", GRANT_TYPE), ("device_code", codes.device_code.as_str()), ("client_id", self.client.client_id.as_str())];
        parameters.extend_from_slice(more);
        self.client.token(&parameters).await
    }

    /// Asks for tokens and expects an error in the RFC's shape; answers its word.
    ///
    /// # Errors
    /// It is not such an error.
    pub async fn poll_error(&self, codes: &DeviceCodes) -> Result<String> {
        let answer = self.poll(codes, &[]).await?;
        ensure!(answer.status == 400, "{} {}", answer.status, answer.body);
        answer.oauth_error()
    }

    /// Who the tokens are for, as `userinfo` tells with the scopes `openid email`.
    ///
    /// # Errors
    /// Nobody answers, or not so.
    pub async fn email_of(&self, tokens: &Value) -> Result<String> {
        let token = tokens["access_token"].as_str().context("no access token")?;
        let info = Answer::of(self.client.http.get(self.client.endpoint("userinfo_endpoint")?).bearer_auth(token)).await?.expect(200)?;
        Ok(info["email"].as_str().with_context(|| format!("no email in {info}"))?.to_owned())
    }
}

impl Person {
    /// Opens the page for codes, signing in on the way if asked.
    ///
    /// # Errors
    /// There is no such page.
    pub async fn come_to_device_page(&self, url: &str) -> Result<(Url, Form)> {
        let (mut url, mut page) = self.open(url).await?;
        if page.status == 200 && page.body.contains("name=\"password\"") {
            (url, page) = self.sign_in_at(&url, &page).await?;
        }
        ensure!(page.status == 200, "no page for codes but {} at {url}: {}", page.status, page.body);
        Ok((url, Form::with_control(&page.body, "user_code")?))
    }

    /// Types a code; answers the page that comes.
    ///
    /// # Errors
    /// There is no page for codes.
    pub async fn type_code(&self, verification_uri: &str, user_code: &str) -> Result<(Url, Answer)> {
        let (url, mut form) = self.come_to_device_page(verification_uri).await?;
        form.set("user_code", user_code);
        self.send(&url, &form).await
    }

    /// Types a code and comes to the page that asks.
    ///
    /// # Errors
    /// The code is refused.
    pub async fn come_to_device_consent(&self, codes: &DeviceCodes) -> Result<(Url, Answer, Form)> {
        let (url, page) = self.type_code(&codes.verification_uri, &codes.user_code).await?;
        ensure!(page.status == 200, "the code is answered with {}: {}", page.status, page.body);
        let form = Form::with_control(&page.body, "decision")?;
        Ok((url, page, form))
    }

    /// Types a code and presses a button.
    ///
    /// # Errors
    /// It is refused.
    pub async fn decide_device(&self, codes: &DeviceCodes, decision: &str) -> Result {
        let (url, _, mut form) = self.come_to_device_consent(codes).await?;
        form.press("decision", decision)?;
        let (_, page) = self.send(&url, &form).await?;
        ensure!(page.status == 200, "{decision} is answered with {}: {}", page.status, page.body);
        Ok(())
    }
}
