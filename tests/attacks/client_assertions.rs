//! Client assertions (RFC 7523) that were not signed by the client, or not for this request (AS10).

use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::jose::{self, Key};
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Result, Tokens};
use futures_util::future::join_all;
use serde_json::{Value, json};
use std::time::{SystemTime, UNIX_EPOCH};

const ASSERTION_TYPE: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";
const CALLBACK: &str = "https://app.example/callback";

fn now() -> Result<i64> {
    #[expect(clippy::disallowed_methods, reason = "a client has a clock of its own")]
    let now = SystemTime::now();
    Ok(i64::try_from(now.duration_since(UNIX_EPOCH)?.as_secs())?)
}

/// A client with a key, that it does not give away.
struct Keyed {
    client: OAuthClient,
    key: Key,
}

impl Keyed {
    async fn register(installation: &Installation, name: &str) -> Result<Self> {
        let key = Key::generate("main")?;
        let wanted = json!({
            "client_name": name, "redirect_uris": [CALLBACK], "token_endpoint_auth_method": "private_key_jwt", "jwks": key.key_set(),
        });
        Ok(Self { client: OAuthClient::register_with(installation, &wanted).await?, key })
    }

    /// The claims of an honest assertion, with changes; `null` leaves one out.
    fn claims(&self, jti: &str, more: Value) -> Result<Value> {
        let id = &self.client.client_id;
        let mut claims = json!({"iss": id, "sub": id, "aud": self.client.metadata["issuer"], "exp": now()? + 60, "jti": jti});
        let fields = claims.as_object_mut().context("no object")?;
        for (name, value) in more.as_object().into_iter().flatten() {
            if value.is_null() {
                fields.remove(name);
            } else {
                fields.insert(name.clone(), value.clone());
            }
        }
        Ok(claims)
    }

    fn honest(&self, jti: &str) -> Result<String> {
        self.key.sign(&self.key.header("JWT"), &self.claims(jti, json!({}))?)
    }

    async fn exchange(&self, code: &str, attempt: &Attempt, assertion: &str) -> Result<Answer> {
        let proof = [("client_assertion_type", ASSERTION_TYPE), ("client_assertion", assertion)];
        self.client.exchange_with(code, attempt, &proof).await
    }
}

fn refused(answer: &Answer) -> Result {
    let error = answer.oauth_error()?;
    ensure!(answer.status == 401 && error == "invalid_client", "{} {}", answer.status, answer.body);
    Ok(())
}

/// AS10: none of these proves the client, and none of them uses up the victim's code.
async fn assertions_that_the_client_did_not_sign(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let victim = Keyed::register(installation, "Victim").await?;
    let evil = Keyed::register(installation, "Evil").await?;
    let attempt = Attempt::new();
    let code = victim.client.code(&person, &attempt, Decision::Allow).await?;
    let claims = victim.claims("attack", json!({}))?;
    let bait = installation.documents()?.publish_json("localhost", "/keys", &evil.key.key_set());
    let public = victim.key.public();
    let mut tries: Vec<(String, String)> = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", "HS256"] {
        tries
            .push((format!("alg {alg:?} without a signature"), jose::unsigned(&json!({"alg": alg, "typ": "JWT", "kid": "main"}), &claims)));
    }
    for secret in jose::as_secrets(&public)? {
        let header = json!({"alg": "HS256", "typ": "JWT", "kid": "main"});
        tries.push((format!("HS256 with {} bytes of the public key", secret.len()), jose::hs256(&secret, &header, &claims)));
    }
    let honest = victim.honest("stripped")?;
    let (signed, signature) = honest.rsplit_once('.').context("no signature")?;
    tries.push(("the signature is gone".to_owned(), format!("{signed}.")));
    tries.push(("the signature's dot is gone too".to_owned(), signed.to_owned()));
    tries.push(("a signature of zeros".to_owned(), format!("{signed}.{}", jose::encoded([0_u8; 64]))));
    tries.push(("a part too many".to_owned(), format!("{honest}.{signature}")));
    tries.push(("the claims of another JWT".to_owned(), {
        let other = evil.key.sign(&evil.key.header("JWT"), &claims)?;
        format!("{}.{}.{signature}", honest.split('.').next().context("no header")?, other.split('.').nth(1).context("no claims")?)
    }));
    // The attacker's own key, and ways to have the server take it for the client's.
    let headers = [
        ("the same kid", json!({"alg": "ES256", "kid": "main"})),
        ("no kid", json!({"alg": "ES256"})),
        ("jku", json!({"alg": "ES256", "kid": "main", "jku": bait})),
        ("x5u", json!({"alg": "ES256", "kid": "main", "x5u": bait})),
        ("an embedded jwk", json!({"alg": "ES256", "kid": "main", "jwk": evil.key.public()})),
        ("x5c", json!({"alg": "ES256", "kid": "main", "x5c": ["MIIB"]})),
        ("crit", json!({"alg": "ES256", "kid": "main", "crit": ["jku"], "jku": bait})),
        ("b64", json!({"alg": "ES256", "kid": "main", "b64": false, "crit": ["b64"]})),
        ("a path as kid", json!({"alg": "ES256", "kid": "../../../../../../dev/null"})),
        ("a file as kid", json!({"alg": "ES256", "kid": "file:///etc/passwd"})),
        ("a URL as kid", json!({"alg": "ES256", "kid": bait})),
        ("SQL as kid", json!({"alg": "ES256", "kid": "x' UNION SELECT 'key' --"})),
        ("a shell as kid", json!({"alg": "ES256", "kid": "|/bin/sleep 10"})),
        ("a NUL in kid", json!({"alg": "ES256", "kid": "main\u{0}"})),
        ("a list as kid", json!({"alg": "ES256", "kid": ["main"]})),
        ("a long kid", json!({"alg": "ES256", "kid": "k".repeat(4000)})),
    ];
    for (what, header) in headers {
        tries.push((format!("another key, {what}"), evil.key.sign(&header, &claims)?));
    }
    let mut verdicts = Verdicts::new();
    for (what, assertion) in &tries {
        let outcome = victim.exchange(&code, &attempt, assertion).await.and_then(|answer| refused(&answer));
        verdicts.add(what, outcome);
    }
    verdicts.end()?;
    ensure!(installation.documents()?.requests().is_empty(), "a key was fetched: {:?}", installation.documents()?.requests());
    Tokens::of(&victim.exchange(&code, &attempt, &victim.honest("honest")?).await?).context("the code was used up by an attack")?;
    Ok(())
}

/// AS10: the client's own signature under something that is not for this server, not now, not clear, or too much.
async fn assertions_that_are_not_for_this_request(installation: &mut Installation) -> Result {
    let person = installation.add_person("ada@example.com").await?;
    let victim = Keyed::register(installation, "Victim").await?;
    let other = Keyed::register(installation, "Other").await?;
    let attempt = Attempt::new();
    let code = victim.client.code(&person, &attempt, Decision::Allow).await?;
    let issuer = victim.client.metadata["issuer"].as_str().context("no issuer")?.to_owned();
    let id = victim.client.client_id.clone();
    let mut verdicts = Verdicts::new();
    for (what, more) in [
        ("another audience", json!({"aud": "https://elsewhere.example"})),
        ("an audience that begins like ours", json!({"aud": format!("{issuer}.evil.example")})),
        ("an audience with a slash more", json!({"aud": format!("{issuer}/")})),
        ("several audiences", json!({"aud": [issuer, "https://elsewhere.example"]})),
        ("no audience", json!({"aud": null})),
        ("an audience that is an object", json!({"aud": {"0": issuer}})),
        ("expired", json!({"exp": now()? - 3600})),
        ("for ever", json!({"exp": now()? + 365 * 86_400})),
        ("no end", json!({"exp": null})),
        ("an end in words", json!({"exp": (now()? + 60).to_string()})),
        ("an endless end", json!({"exp": 1e300})),
        ("a negative end", json!({"exp": -1})),
        ("an end that is a list", json!({"exp": [now()? + 60]})),
        ("not yet", json!({"nbf": now()? + 3600})),
        ("from the future", json!({"iat": now()? + 3600})),
        ("a beginning in words", json!({"nbf": "now"})),
        ("no id", json!({"jti": null})),
        ("an empty id", json!({"jti": ""})),
        ("an id that is a number", json!({"jti": 7})),
        ("a huge id", json!({"jti": "j".repeat(1000)})),
        ("another issuer", json!({"iss": other.client.client_id})),
        ("another subject", json!({"sub": other.client.client_id})),
        ("issuer and subject of another", json!({"iss": other.client.client_id, "sub": other.client.client_id})),
        ("a subject that is a list", json!({"sub": [id]})),
        ("huge", json!({"x": "y".repeat(20_000)})),
    ] {
        let assertion = victim.key.sign(&victim.key.header("JWT"), &victim.claims(what, more)?)?;
        verdicts.add(what, victim.exchange(&code, &attempt, &assertion).await.and_then(|answer| refused(&answer)));
    }
    let header = victim.key.header("JWT").to_string();
    let exp = now()? + 60;
    for (what, claims) in [
        ("sub twice", format!(r#"{{"iss":"{id}","sub":"x","sub":"{id}","aud":"{issuer}","exp":{exp},"jti":"d1"}}"#)),
        ("exp twice", format!(r#"{{"iss":"{id}","sub":"{id}","aud":"{issuer}","exp":1,"exp":{exp},"jti":"d2"}}"#)),
        ("aud twice", format!(r#"{{"iss":"{id}","sub":"{id}","aud":"https://x.example","aud":"{issuer}","exp":{exp},"jti":"d3"}}"#)),
        ("jti twice", format!(r#"{{"iss":"{id}","sub":"{id}","aud":"{issuer}","exp":{exp},"jti":"d4","jti":"d5"}}"#)),
        (
            "a deep audience",
            format!(r#"{{"iss":"{id}","sub":"{id}","exp":{exp},"jti":"d6","aud":{}"{issuer}"{}}}"#, "[".repeat(2000), "]".repeat(2000)),
        ),
        ("something behind", format!(r#"{{"iss":"{id}","sub":"{id}","aud":"{issuer}","exp":{exp},"jti":"d7"}}{{}}"#)),
        ("no object", "[]".to_owned()),
        ("nothing", String::new()),
    ] {
        let assertion = victim.key.sign_text(&header, &claims)?;
        verdicts.add(what, victim.exchange(&code, &attempt, &assertion).await.and_then(|answer| refused(&answer)));
    }
    for (what, header) in [
        ("alg twice", r#"{"alg":"none","alg":"ES256","kid":"main"}"#),
        ("an access token's type", r#"{"alg":"ES256","kid":"main","typ":"at+jwt"}"#),
        ("an identity assertion's type", r#"{"alg":"ES256","kid":"main","typ":"oauth-id-jag+jwt"}"#),
        ("another algorithm's name", r#"{"alg":"ES384","kid":"main"}"#),
        ("an algorithm that is a list", r#"{"alg":["ES256"],"kid":"main"}"#),
        ("no algorithm", r#"{"kid":"main"}"#),
    ] {
        let assertion = victim.key.sign_text(header, &victim.claims(what, json!({}))?.to_string())?;
        verdicts.add(what, victim.exchange(&code, &attempt, &assertion).await.and_then(|answer| refused(&answer)));
    }
    // Other proofs, or none, for a client that has a key.
    for (what, proof) in [
        ("no proof", vec![]),
        ("a secret", vec![("client_secret", "guess")]),
        (
            "another kind",
            vec![("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:saml2-bearer"), ("client_assertion", "x")],
        ),
        ("a kind alone", vec![("client_assertion_type", ASSERTION_TYPE)]),
    ] {
        verdicts.add(what, victim.client.exchange_with(&code, &attempt, &proof).await.and_then(|answer| refused(&answer)));
    }
    verdicts.end()?;
    let honest = victim.honest("honest")?;
    let mut form =
        vec![("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", CALLBACK), ("code_verifier", &attempt.verifier)];
    form.extend([("client_assertion_type", ASSERTION_TYPE), ("client_assertion", &honest)]);
    let endpoint = victim.client.endpoint("token_endpoint")?;
    let two = Answer::of(victim.client.http.post(&endpoint).basic_auth(&id, Some("guess")).form(&form)).await?;
    ensure!(two.oauth_error()? == "invalid_request", "two proofs: {two:?}");
    // The assertion says who the client is: client_id need not be there.
    Tokens::of(&Answer::of(victim.client.http.post(&endpoint).form(&form)).await?).context("used up by an attack")?;
    Ok(())
}

/// AS10: one assertion, many requests at the same moment: one is authenticated. In the split shape as well as in one process.
async fn an_assertion_is_used_once(installation: &mut Installation) -> Result {
    let victim = Keyed::register(installation, "Victim").await?;
    for round in 0..5 {
        let assertion = victim.honest(&format!("once {round}"))?;
        let form = [
            ("grant_type", "refresh_token"),
            ("refresh_token", "unknown"),
            ("client_assertion_type", ASSERTION_TYPE),
            ("client_assertion", &assertion),
        ];
        let answers = join_all((0..32).map(|_| victim.client.token(&form))).await;
        let errors = answers.into_iter().map(|answer| answer?.oauth_error()).collect::<Result<Vec<_>>>()?;
        let authenticated = errors.iter().filter(|error| *error == "invalid_grant").count();
        ensure!(authenticated == 1, "{authenticated} of 32 were authenticated: {errors:?}");
        ensure!(errors.iter().filter(|error| *error == "invalid_client").count() == 31, "{errors:?}");
    }
    installation.kill9_and_restart().await?;
    let assertion = victim.honest("once 0")?;
    let form = [
        ("grant_type", "refresh_token"),
        ("refresh_token", "unknown"),
        ("client_assertion_type", ASSERTION_TYPE),
        ("client_assertion", &assertion),
    ];
    ensure!(victim.client.token(&form).await?.oauth_error()? == "invalid_client", "the use was forgotten over a restart");
    Ok(())
}

docent_tests::in_shape_with_documents!(together_with_documents, Together, assertions_that_the_client_did_not_sign);
docent_tests::in_shape!(together, Together, assertions_that_are_not_for_this_request);
docent_tests::in_postgres_shapes!(an_assertion_is_used_once);
