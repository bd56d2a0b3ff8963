//! Identity assertions that nobody of trust made, or not for this (AS20): over HTTP, with an identity provider whose key is the test's.

use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::jose::{self, Key, encoded};
use docent_tests::served::Served;
use docent_tests::{Installation, Result, Shape, Tokens};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const TYPE: &str = "oauth-id-jag+jwt";
const JWT_BEARER: &str = "urn:ietf:params:oauth:grant-type:jwt-bearer";

/// A Docent that trusts an identity provider, a client that may bring its assertions, and a person who is linked.
struct Enterprise {
    installation: Installation,
    key: Key,
    keys: Served,
    client_id: String,
    client_secret: String,
    http: reqwest::Client,
}

impl Enterprise {
    async fn start(shape: Shape) -> Result<Self> {
        let key = Key::generate("idp-1")?;
        let keys = Served::new(&key.key_set()).await?;
        let trusted = json!([{"issuer": keys.origin, "jwks_uri": format!("{}/keys", keys.origin)}]).to_string();
        let installation = Installation::start_with(shape, &[("DOCENT__AUTH__TRUSTED_ISSUERS", &trusted)]).await?;
        installation.add_person("ada@example.com").await?;
        installation.run(&["user", "identity", "add", "ada@example.com", "--issuer", &keys.origin, "--subject", "U1"]).await?;
        let added: Value =
            serde_json::from_str(&installation.run(&["client", "add", "Assistant", "--grant", "jwt-bearer", "--json"]).await?)?;
        let text = |name: &str| added[name].as_str().map(str::to_owned).with_context(|| format!("no {name} in {added}"));
        let (client_id, client_secret) = (text("client_id")?, text("client_secret")?);
        Ok(Self { installation, key, keys, client_id, client_secret, http: docent_tests::http::client()? })
    }

    fn claims(&self, jti: &str) -> Result<Value> {
        let now = jose::now()?;
        Ok(json!({
            "iss": self.keys.origin, "sub": "U1", "aud": self.installation.issuer, "client_id": self.client_id, "jti": jti,
            "iat": now, "exp": now + 300, "resource": self.installation.resource, "scope": "docs:read",
        }))
    }

    async fn bring(&self, assertion: &str) -> Result<Answer> {
        let request =
            self.http.post(format!("{}/oauth/token", self.installation.issuer)).basic_auth(&self.client_id, Some(&self.client_secret));
        Answer::of(request.form(&[("grant_type", JWT_BEARER), ("assertion", assertion)])).await
    }

    async fn refuse(&self, assertion: &str) -> Result {
        let answer = self.bring(assertion).await?;
        // An empty assertion is a missing one; a body that is too long is not read.
        let is_refused = match answer.status {
            400 => matches!(answer.oauth_error()?.as_str(), "invalid_grant" | "invalid_request"),
            status => status == 413,
        };
        ensure!(is_refused, "{answer:?}");
        Ok(())
    }

    async fn accept(&self, jti: &str) -> Result<Tokens> {
        Tokens::of(&self.bring(&self.key.sign(&self.key.header(TYPE), &self.claims(jti)?)?).await?)
    }
}

fn with(document: &Value, name: &str, value: Value) -> Value {
    let mut document = document.clone();
    document[name] = value;
    document
}

/// AS20, CVE-2026-25537: forged, changed, confused and ill-typed assertions; each is tried with an id of its own, so that none is refused as
/// a replay.
#[tokio::test(flavor = "multi_thread")]
async fn forged_and_confused_assertions_are_refused() -> Result {
    let enterprise = Enterprise::start(Shape::Together).await?;
    enterprise.accept("first").await.context("the assertion that the attacks start from")?;
    let (key, header) = (&enterprise.key, enterprise.key.header(TYPE));
    let (forger, collector) = (Key::generate(&key.kid)?, Served::new(&json!({})).await?);
    collector.set(&forger.key_set());
    let mut count = 0;
    let mut fresh = || {
        count += 1;
        enterprise.claims(&format!("attack-{count}"))
    };
    let mut attacks: Vec<(String, String)> = Vec::new();

    for alg in ["none", "None", "nOnE", "", "HS256"] {
        attacks.push((format!("alg {alg:?}, unsigned"), jose::unsigned(&with(&header, "alg", json!(alg)), &fresh()?)));
    }
    for (at, secret) in jose::as_secrets(&key.public())?.iter().enumerate() {
        attacks.push((
            format!("HS256 with the public key, spelling {at}"),
            jose::hs256(secret, &with(&header, "alg", json!("HS256")), &fresh()?),
        ));
    }
    attacks.push(("another key under the same kid".into(), forger.sign(&header, &fresh()?)?));
    for alg in ["RS256", "PS256", "ES384", "EdDSA", "ES512"] {
        attacks.push((format!("an ES256 signature that says {alg}"), key.sign(&with(&header, "alg", json!(alg)), &fresh()?)?));
    }
    for kid in [json!("unknown"), json!("../../../dev/null"), json!(""), json!(7), json!([key.kid])] {
        attacks.push((format!("kid {kid}"), key.sign(&with(&header, "kid", kid), &fresh()?)?));
    }
    for (name, value) in [
        ("jwk", forger.public()),
        ("jku", json!(format!("{}/keys", collector.origin))),
        ("x5u", json!(format!("{}/chain", collector.origin))),
        ("x5c", json!([encoded(forger.public().to_string())])),
    ] {
        attacks.push((format!("a key by {name}"), forger.sign(&with(&header, name, value), &fresh()?)?));
    }
    attacks.push((
        "a trusted name with jku".into(),
        forger.sign(&with(&header, "jku", json!(collector.origin)), &with(&fresh()?, "iss", json!(collector.origin)))?,
    ));
    for typ in [json!("JWT"), json!("at+jwt"), json!("logout+jwt"), json!(null), json!("")] {
        attacks.push((format!("typ {typ}"), key.sign(&with(&header, "typ", typ), &fresh()?)?));
    }
    attacks.push(("crit".into(), key.sign(&with(&header, "crit", json!(["exp"])), &fresh()?)?));
    let now = fresh()?["iat"].as_i64().context("no iat")?;
    let (issuer, resource) = (&enterprise.installation.issuer, &enterprise.installation.resource);
    for (name, value) in [
        ("iss", json!("https://idp.example")),
        ("iss", json!(format!("{}/", enterprise.keys.origin))),
        ("iss", json!(issuer)),
        ("iss", json!([enterprise.keys.origin])),
        ("sub", json!("U2")),
        ("sub", json!("ada@example.com")),
        ("sub", json!("")),
        ("sub", json!({})),
        ("aud", json!(format!("{issuer}/"))),
        ("aud", json!(format!("{issuer}/oauth/token"))),
        ("aud", json!(resource)),
        ("aud", json!([issuer, "https://other.example"])),
        ("aud", json!("*")),
        ("client_id", json!("c_other")),
        ("client_id", json!([enterprise.client_id])),
        ("client_id", json!("")),
        ("exp", json!(now - 60)),
        ("exp", json!(now + 7200)),
        ("exp", json!("never")),
        ("exp", json!((now + 300).to_string())),
        ("exp", json!(true)),
        ("iat", json!(now + 120)),
        ("iat", json!(now - 86_400)),
        ("iat", json!(now.to_string())),
        ("nbf", json!(now + 120)),
        ("nbf", json!("99999999999")),
        ("jti", json!("")),
        ("jti", json!(7)),
        ("jti", json!("x".repeat(600))),
        ("resource", json!("https://other.example/mcp")),
        ("resource", json!([resource, "https://other.example/mcp"])),
        ("resource", json!([])),
        ("resource", json!(issuer)),
        ("scope", json!("files.read")),
        ("scope", json!(["docs:read"])),
        ("tenant", json!("other")),
        ("cnf", json!({"jkt": "x"})),
    ] {
        attacks.push((format!("{name} = {value}"), key.sign(&header, &with(&fresh()?, name, value))?));
    }
    for name in ["iss", "sub", "aud", "client_id", "jti", "exp", "iat"] {
        let mut without = fresh()?;
        without.as_object_mut().context("no object")?.remove(name);
        attacks.push((format!("without {name}"), key.sign(&header, &without)?));
        let claims = fresh()?;
        let twice = format!("{},\"{name}\":{}}}", claims.to_string().trim_end_matches('}'), claims[name]);
        attacks.push((format!("{name} twice"), key.sign_text(&header.to_string(), &twice)?));
    }
    attacks.push(("20 KB".into(), key.sign(&header, &with(&fresh()?, "more", json!("x".repeat(20_000))))?));
    attacks.push(("80 KB".into(), key.sign(&header, &with(&fresh()?, "more", json!("x".repeat(80_000))))?));
    attacks.push(("five parts".into(), format!("{}.AA.AA", key.sign(&header, &fresh()?)?)));
    attacks.push(("nothing".into(), String::new()));
    attacks.push(("an access token of ours".into(), enterprise.accept("second").await?.access_token));

    let mut verdicts = Verdicts::new();
    for (label, assertion) in &attacks {
        verdicts.add(label, enterprise.refuse(assertion).await);
    }
    verdicts.end()?;
    ensure!(collector.asked() == 0, "a URL out of a header was fetched");
    enterprise.accept("last").await.context("a good assertion afterwards").map(drop)
}

/// AS20: one assertion, brought 32 times at once and again, gives one token.
async fn replayed(shape: Shape) -> Result {
    let enterprise = Enterprise::start(shape).await?;
    let assertion = enterprise.key.sign(&enterprise.key.header(TYPE), &enterprise.claims("once")?)?;
    let answers = futures_util::future::join_all((0..32).map(|_| enterprise.bring(&assertion))).await;
    let mut given = 0;
    for answer in answers {
        given += usize::from(answer?.status == 200);
    }
    ensure!(given == 1, "{given} tokens for one assertion");
    enterprise.refuse(&assertion).await
}

/// AS20.
#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_counts_once_on_sqlite() -> Result {
    replayed(Shape::Together).await
}

/// AS20.
#[tokio::test(flavor = "multi_thread")]
async fn an_assertion_counts_once_on_postgres() -> Result {
    replayed(Shape::Split).await
}

/// AS20: the issuer may change its keys at any time; who makes up key ids makes nobody ask it all the time; and an issuer that hangs does
/// not hang the others.
#[tokio::test(flavor = "multi_thread")]
async fn keys_of_the_issuer_are_read_with_care() -> Result {
    let enterprise = Enterprise::start(Shape::Together).await?;
    enterprise.accept("first").await?;
    let asked = enterprise.keys.asked();
    for at in 0..40 {
        let header = with(&enterprise.key.header(TYPE), "kid", json!(format!("made-up-{at}")));
        enterprise.refuse(&enterprise.key.sign(&header, &enterprise.claims(&format!("a{at}"))?)?).await?;
    }
    let more = enterprise.keys.asked() - asked;
    ensure!(more <= 2, "40 made-up key ids made Docent ask the issuer {more} times");

    // A new key is found as soon as the issuer may be asked again, and the old one is refused from then on.
    let next = Key::generate("idp-2")?;
    enterprise.keys.set(&next.key_set());
    let deadline = Instant::now() + Duration::from_secs(20);
    for at in 0.. {
        let answer = enterprise.bring(&next.sign(&next.header(TYPE), &enterprise.claims(&format!("b{at}"))?)?).await?;
        if answer.status == 200 {
            break;
        }
        ensure!(answer.oauth_error()? == "invalid_grant" && Instant::now() < deadline, "the new key is not found: {answer:?}");
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    enterprise.refuse(&enterprise.key.sign(&enterprise.key.header(TYPE), &enterprise.claims("old")?)?).await.context("a withdrawn key")?;

    // Answers that are no key set, and one that does not come.
    for (status, body) in [(500, "{}"), (200, "not JSON"), (302, "{}"), (200, "{\"keys\":[]}")] {
        enterprise.keys.set_raw(status, body, Duration::ZERO);
        tokio::time::sleep(Duration::from_millis(5100)).await;
        let unknown = with(&next.header(TYPE), "kid", json!("nobody"));
        enterprise.refuse(&next.sign(&unknown, &enterprise.claims(&format!("c{status}{}", body.len()))?)?).await?;
        let good = next.sign(&next.header(TYPE), &enterprise.claims(&format!("d{status}{}", body.len()))?)?;
        Tokens::of(&enterprise.bring(&good).await?).context("the keys that were read before stay")?;
    }
    enterprise.keys.set_raw(200, &next.key_set().to_string(), Duration::from_secs(30));
    tokio::time::sleep(Duration::from_millis(5100)).await;
    let unknown = with(&next.header(TYPE), "kid", json!("nobody"));
    let hanging = next.sign(&unknown, &enterprise.claims("e")?)?;
    let others = async {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let began = Instant::now();
        let metadata =
            Answer::of(enterprise.http.get(format!("{}/.well-known/oauth-authorization-server", enterprise.installation.issuer))).await?;
        let good = next.sign(&next.header(TYPE), &enterprise.claims("f")?)?;
        let token = enterprise.bring(&good).await?;
        ensure!(metadata.status == 200 && token.status == 200, "{metadata:?} {token:?}");
        ensure!(began.elapsed() < Duration::from_secs(3), "others waited for an issuer that hangs: {:?}", began.elapsed());
        anyhow::Ok(())
    };
    let (hung, others) = tokio::join!(enterprise.refuse(&hanging), others);
    hung.context("an issuer that hangs")?;
    others
}
