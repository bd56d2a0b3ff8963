//! A server that gives a code to nobody in particular shows everything: exchange, reuse, refresh, the call itself.

use super::Examination;
use super::authorization::{Attempt, parameter};
use super::endpoint::{hello, is_result};
use super::registration::Registered;
use crate::http::{Answer, Request, clean};
use crate::replay::Visit;
use reqwest::Method;
use serde_json::Value;
use url::Url;

impl Examination<'_> {
    pub(super) async fn post_form(&self, fields: &[(&str, &str)]) -> Option<Answer> {
        let url = self.issuer_endpoint("token_endpoint")?;
        let form: Vec<(String, String)> = fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        self.http.send(&Request::new(Method::POST, &url).header("accept", "application/json").form(&form)).await.ok()
    }

    async fn exchange(&self, registered: &Registered, code: &str, verifier: Option<&str>) -> Option<Answer> {
        let resource = self.resource_parameter();
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("client_id", &registered.client_id),
            ("redirect_uri", &registered.redirect_uri),
            ("resource", &resource),
        ];
        fields.extend(verifier.map(|verifier| ("code_verifier", verifier)));
        self.post_form(&fields).await
    }

    /// AS2: a code that was given without a challenge.
    pub(super) async fn exchange_without_verifier(&mut self, registered: &Registered, code: &str) {
        let answer = self.exchange(registered, code, None).await;
        if answer.is_some_and(|answer| has_tokens(&answer)) {
            self.report.find(
                "pkce-not-enforced",
                "a request without code_challenge was given a code, and that was exchanged without code_verifier",
            );
        }
    }

    /// A code came back although nobody signed in.
    pub(super) async fn came_back(&mut self, back: &Url, attempt: &Attempt, registered: &Registered) {
        self.judge_parameters(back, attempt);
        let Some(code) = parameter(back, "code") else {
            let seen = format!("a request by the letter: {}", clean(back.query().unwrap_or_default(), 160));
            self.report.find("authorization-refused", seen);
            return;
        };
        self.report.find("code-without-person", "a first request, without cookies, was answered with a code");
        if self.exchange(registered, &code, Some(&self.text(64))).await.is_some_and(|answer| has_tokens(&answer)) {
            self.report.find("pkce-not-enforced", "a code was exchanged with a wrong code_verifier");
        }
        // The wrong one may have used the code up.
        let again = self.attempt(&registered.client_id, &registered.redirect_uri);
        let Some(Visit::Back(back)) = self.visit(&again).await else { return };
        let Some(code) = parameter(&back, "code") else { return };
        let Some(answer) = self.exchange(registered, &code, Some(&again.verifier)).await else { return };
        if !has_tokens(&answer) {
            self.report.find("token-refused", format!("a code by the letter: {}", answer.words()));
            return;
        }
        self.judge_tokens(&answer);
        let tokens = answer.json().unwrap_or_default();
        self.call(tokens["access_token"].as_str().unwrap_or_default()).await;
        self.refresh(registered, &tokens).await;
        if self.exchange(registered, &code, Some(&again.verifier)).await.is_some_and(|answer| has_tokens(&answer)) {
            self.report.find("code-reusable", "the second exchange of a code gave tokens again");
        }
    }

    fn judge_tokens(&mut self, answer: &Answer) {
        let tokens = answer.json().unwrap_or_default();
        let kind = tokens["token_type"].as_str().unwrap_or_default();
        if !kind.eq_ignore_ascii_case("bearer") {
            self.report.find("token-type-missing", format!("token_type is {:?}", clean(kind, 40)));
        }
        if let Some(seconds) = tokens["expires_in"].as_i64().filter(|seconds| *seconds <= 300) {
            self.report.find("access-token-too-short", format!("expires_in is {seconds}"));
        }
        if !answer.header("cache-control").contains("no-store") {
            self.report.find("token-cacheable", format!("Cache-Control is {:?}", clean(&answer.header("cache-control"), 60)));
        }
    }

    async fn call(&mut self, token: &str) {
        let request = hello(self.endpoint.as_str()).header("authorization", &format!("Bearer {token}"));
        let Ok(answer) = self.http.send(&request).await else { return };
        if is_result(&answer) {
            self.token_in_query(token).await;
        } else {
            self.report.find("call-refused", format!("initialize with it is answered with {}", answer.words()));
        }
    }

    /// RS5.
    pub(super) async fn token_in_query(&mut self, token: &str) {
        let mut url = self.endpoint.clone();
        url.query_pairs_mut().append_pair("access_token", token);
        if self.http.send(&hello(url.as_str())).await.is_ok_and(|answer| is_result(&answer)) {
            self.report.find("token-in-query-accepted", "initialize with ?access_token=… and no header is answered with a result");
        }
    }

    async fn refresh(&mut self, registered: &Registered, tokens: &Value) {
        let Some(old) = tokens["refresh_token"].as_str() else { return };
        let fields = [("grant_type", "refresh_token"), ("refresh_token", old), ("client_id", registered.client_id.as_str())];
        let Some(answer) = self.post_form(&fields).await else { return };
        if !has_tokens(&answer) {
            self.report.find("token-refused", format!("a refresh by the letter: {}", answer.words()));
            return;
        }
        let new = answer.json().unwrap_or_default();
        if new["refresh_token"].as_str().is_none_or(|new| new == old) {
            self.report.find("refresh-not-rotated", "the refresh of a public client gave no new refresh token");
        }
    }
}

fn has_tokens(answer: &Answer) -> bool {
    answer.is_success() && answer.json().is_some_and(|body| body["access_token"].as_str().is_some_and(|token| !token.is_empty()))
}
