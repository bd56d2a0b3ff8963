//! Where the resource's and the issuer's documents are, and whether they say the same.

use super::Examination;
use crate::http::{Answer, Trouble, clean};
use crate::needs::{lists, plain_http};
use crate::replay;
use serde_json::Value;
use url::Url;

/// What is at a well-known path.
enum Found {
    Document(Value),
    Nothing,
    /// Nobody answered, or it was not asked.
    Trouble(Trouble),
}

impl Examination<'_> {
    /// Both documents, and the challenge that leads to them.
    pub(super) async fn metadata(&mut self, contact: &Answer) {
        let is_open = super::endpoint::is_result(contact);
        self.resource_metadata(contact, is_open).await;
        if !is_open {
            self.issuer_metadata().await;
        }
        // A server that is no MCP server at all has no challenge to judge.
        if !is_open && (contact.status == 401 || self.resource.is_some() || self.issuer.is_some()) {
            self.challenges(contact).await;
        }
    }

    /// Reads a well-known path; `is_there` says that something should be.
    async fn well_known(&mut self, url: &str) -> Found {
        let answer = match self.http.document(url).await {
            Ok(answer) => answer,
            Err(trouble) => return Found::Trouble(trouble),
        };
        if answer.status >= 500 || answer.status == 429 {
            self.report.find("well-known-error-status", format!("{} answers with {}", clean(url, 200), answer.status));
        }
        if answer.status != 200 {
            return Found::Nothing;
        }
        match answer.json().filter(Value::is_object) {
            Some(document) => {
                if !answer.says_json() {
                    let kind = clean(&answer.header("content-type"), 60);
                    self.report.find("metadata-content-type", format!("{} has Content-Type: {kind}", clean(url, 200)));
                }
                Found::Document(document)
            }
            None => {
                let kind = clean(&answer.header("content-type"), 60);
                self.report.find("metadata-not-json", format!("{} answers 200 with {kind} that is no JSON object", clean(url, 200)));
                Found::Nothing
            }
        }
    }

    async fn resource_metadata(&mut self, contact: &Answer, is_open: bool) {
        let origin = self.endpoint.origin().ascii_serialization();
        let path = self.endpoint.path().trim_end_matches('/').to_owned();
        let root = format!("{origin}/.well-known/oauth-protected-resource");
        let named = replay::challenge(contact)["resource_metadata"].as_str().map(str::to_owned);
        let mut found = None;
        for (form, url) in [("named", named.clone()), ("path", Some(format!("{root}{path}"))), ("root", Some(root.clone()))] {
            let Some(url) = url else { continue };
            match self.well_known(&url).await {
                Found::Document(document) => found = found.or(Some(document)),
                _ if is_open => {}
                Found::Trouble(trouble) if form == "named" => {
                    self.report.find("resource-metadata-missing", format!("{}: {trouble}", clean(&url, 200)))
                }
                Found::Nothing | Found::Trouble(_) if form == "named" => {
                    self.report.find("resource-metadata-missing", format!("the challenge names {}, where nothing is", clean(&url, 200)))
                }
                Found::Nothing | Found::Trouble(_) if form == "path" && !path.is_empty() => {
                    self.report.find("resource-metadata-path-form-missing", format!("nothing at {url}"))
                }
                Found::Nothing | Found::Trouble(_) if !path.is_empty() => {
                    self.report.find("resource-metadata-root-form-missing", format!("nothing at {url}"))
                }
                Found::Nothing | Found::Trouble(_) => {}
            }
        }
        // A path that cannot be anybody's.
        let nobody = format!("{origin}/.well-known/oauth-protected-resource/docent-doctor-{}", self.text(8).to_lowercase());
        self.well_known(&nobody).await;
        match &found {
            // Nobody reads the documents of an open server: it has no challenge.
            _ if is_open => {}
            None => {
                self.report.forget("resource-metadata-path-form-missing");
                self.report.forget("resource-metadata-root-form-missing");
                self.report.find("resource-metadata-missing", format!("nothing at {root}{path} nor at {root}"));
            }
            Some(document) => self.judge_resource(&document.clone()),
        }
        self.resource = found;
    }

    fn judge_resource(&mut self, document: &Value) {
        let resource = document["resource"].as_str().unwrap_or_default();
        let endpoint = self.endpoint.as_str();
        // What parsers make of them: a slash behind the host is none.
        let same = Url::parse(resource).is_ok_and(|url| url.as_str() == endpoint) || resource == endpoint;
        if !same {
            self.report.find("resource-mismatch", format!("resource is {:?}, and the endpoint is {endpoint}", clean(resource, 160)));
        }
        if document["authorization_servers"][0].as_str().is_none() {
            self.report.find("authorization-servers-missing", "authorization_servers is missing or empty");
        }
        if lists(document, "scopes_supported", "offline_access") {
            self.report.find("resource-scopes-offline-access", "scopes_supported of the resource has offline_access");
        }
    }

    async fn issuer_metadata(&mut self) {
        let named = self.resource.as_ref().and_then(|resource| resource["authorization_servers"][0].as_str()).map(str::to_owned);
        let origin = self.endpoint.origin().ascii_serialization();
        let issuer = named.clone().unwrap_or_else(|| origin.clone());
        let Ok(url) = Url::parse(&issuer) else {
            self.report.find("issuer-metadata-missing", format!("{:?} is no URL", clean(&issuer, 120)));
            return;
        };
        if plain_http(&serde_json::json!({"authorization_endpoint": issuer})).is_some() {
            self.report.find("endpoint-plain-http", format!("the issuer is {}", clean(&issuer, 120)));
        }
        let (base, path) = (url.origin().ascii_serialization(), url.path().trim_end_matches('/'));
        let mut forms =
            vec![format!("{base}/.well-known/oauth-authorization-server{path}"), format!("{base}/.well-known/openid-configuration{path}")];
        if !path.is_empty() {
            forms.push(format!("{base}{path}/.well-known/openid-configuration"));
            forms.push(format!("{base}{path}/.well-known/oauth-authorization-server"));
        }
        let mut found: Vec<(String, Value)> = Vec::new();
        let mut trouble = None;
        for form in &forms {
            match self.well_known(form).await {
                Found::Document(document) => found.push((form.clone(), document)),
                Found::Trouble(why) => trouble = Some(why),
                Found::Nothing => {}
            }
        }
        self.report.issuer = named.as_deref().map(|issuer| clean(issuer, 160));
        let Some((first, document)) = found.first().cloned() else {
            if named.is_some() {
                let why = trouble.map(|trouble| format!(" ({trouble})")).unwrap_or_default();
                self.report.find("issuer-metadata-missing", format!("nothing at {}{why}", forms[0]));
            }
            return;
        };
        if first != forms[0] && !path.is_empty() && first != forms[1] {
            self.report.find("issuer-path-form-missing", format!("nothing at {}, but at {}", forms[0], clean(&first, 200)));
        }
        for (form, other) in found.iter().skip(1) {
            let differs = ["issuer", "authorization_endpoint", "token_endpoint", "registration_endpoint"]
                .into_iter()
                .find(|name| document[*name] != other[*name]);
            if let Some(name) = differs {
                self.report
                    .find("issuer-forms-differ", format!("{name} at {} and at {} are not the same", clean(&first, 160), clean(form, 160)));
            }
        }
        if let Some(named) = named {
            self.judge_issuer(&named, &found);
        }
        self.issuer = Some(document);
    }

    fn judge_issuer(&mut self, named: &str, found: &[(String, Value)]) {
        for (form, document) in found {
            let own = document["issuer"].as_str().unwrap_or_default();
            if own != named {
                let seen = format!("the resource names {:?}, and {} says {:?}", clean(named, 120), clean(form, 160), clean(own, 120));
                self.report.find("issuer-mismatch", seen);
            }
        }
        let Some((_, document)) = found.first() else { return };
        let mut missing: Vec<&str> =
            ["authorization_endpoint", "token_endpoint"].into_iter().filter(|name| !document[*name].is_string()).collect();
        if !document["response_types_supported"].is_array() {
            missing.push("response_types_supported");
        }
        if !missing.is_empty() {
            self.report.find("issuer-metadata-incomplete", format!("{} missing", missing.join(", ")));
        }
        if !lists(document, "code_challenge_methods_supported", "S256") {
            let seen = clean(&document["code_challenge_methods_supported"].to_string(), 80);
            self.report.find("s256-not-advertised", format!("code_challenge_methods_supported is {seen}"));
        }
        if lists(document, "code_challenge_methods_supported", "plain") {
            self.report.find("plain-advertised", "code_challenge_methods_supported has plain");
        }
        let methods = document["token_endpoint_auth_methods_supported"].as_array().cloned().unwrap_or_default();
        if methods.iter().any(|method| method == "none") && methods.first().is_some_and(|method| method != "none") {
            let seen = clean(&document["token_endpoint_auth_methods_supported"].to_string(), 120);
            self.report.find("none-not-first", format!("token_endpoint_auth_methods_supported is {seen}"));
        }
        if document["authorization_response_iss_parameter_supported"] != true {
            self.report.find("iss-not-advertised", "authorization_response_iss_parameter_supported is not true");
        }
        if !lists(document, "scopes_supported", "offline_access") {
            self.report.find("offline-access-not-advertised", "scopes_supported of the issuer has no offline_access");
        }
        if document["registration_endpoint"].as_str().is_none() && document["client_id_metadata_document_supported"] != true {
            self.report.find("registration-not-offered", "neither registration_endpoint nor client_id_metadata_document_supported");
        }
        if let Some(seen) = plain_http(document) {
            self.report.find("endpoint-plain-http", seen);
        }
    }
}
