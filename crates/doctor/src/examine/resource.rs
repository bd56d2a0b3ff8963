//! With an access token that was given to the examination.

use super::Examination;
use super::endpoint::{hello, is_result};
use crate::http::clean;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;

/// The claims of a token, if it is a JWT.
fn claims(token: &str) -> Option<Value> {
    let mut parts = token.split('.');
    let (Some(_), Some(claims), Some(_), None) = (parts.next(), parts.next(), parts.next(), parts.next()) else { return None };
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).ok()?).ok()
}

impl Examination<'_> {
    /// RS5, RS6: the token is accepted where it should be, and only there.
    pub(super) async fn with_token(&mut self, token: &str) {
        let request = hello(self.endpoint.as_str()).header("authorization", &format!("Bearer {token}"));
        match self.http.send(&request).await {
            Ok(answer) if is_result(&answer) => {}
            Ok(answer) => {
                self.report.find("call-refused", format!("initialize with the given token is answered with {}", answer.words()));
                return;
            }
            Err(trouble) => {
                self.report.find("call-refused", trouble.to_string());
                return;
            }
        }
        if !self.report.is_protected {
            return;
        }
        self.token_in_query(token).await;
        if let Some(claims) = claims(token) {
            self.judge_audience(&claims);
            self.changed(token).await;
        }
    }

    fn judge_audience(&mut self, claims: &Value) {
        let wanted = self.resource_parameter();
        let is_ours =
            |audience: &Value| audience.as_str().is_some_and(|audience| audience.trim_end_matches('/') == wanted.trim_end_matches('/'));
        let audience = &claims["aud"];
        if !is_ours(audience) && !audience.as_array().is_some_and(|list| list.iter().any(is_ours)) {
            self.report.find("audience-missing", format!("aud is {}, and the resource is {wanted}", clean(&audience.to_string(), 160)));
        }
    }

    /// RS6: a token whose claims were changed.
    async fn changed(&mut self, token: &str) {
        let mut parts: Vec<&str> = token.split('.').collect();
        let Some(mut claims) = claims(token) else { return };
        claims["sub"] = "docent-doctor".into();
        let changed = URL_SAFE_NO_PAD.encode(claims.to_string());
        parts[1] = &changed;
        let request = hello(self.endpoint.as_str()).header("authorization", &format!("Bearer {}", parts.join(".")));
        if self.http.send(&request).await.is_ok_and(|answer| is_result(&answer)) {
            self.report.find("bad-token-accepted", "a token whose claims were changed under its old signature is accepted");
        }
    }
}
