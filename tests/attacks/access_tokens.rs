//! Access tokens that nobody issued, at each place that reads them: `/mcp`, introspection, userinfo (RS3, RS6, AS18).

use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::Answer;
use docent_tests::jose::{self, Key, encoded};
use docent_tests::mcp::{Era, Mcp};
use docent_tests::oauth_client::Attempt;
use docent_tests::person::Decision;
use docent_tests::served::Served;
use docent_tests::{Installation, OAuthClient, Result, Shape, Tokens};
use serde_json::{Value, json};

const REDIRECT: &str = "https://client.example/callback";

/// The places that read access tokens, as an attacker reaches them: with a client of their own.
struct Places {
    client: OAuthClient,
    secret: String,
}

impl Places {
    async fn of(installation: &Installation) -> Result<Self> {
        let wanted = json!({"client_name": "Places", "redirect_uris": [REDIRECT], "token_endpoint_auth_method": "client_secret_basic"});
        let client = OAuthClient::register_with(installation, &wanted).await?;
        let secret = client.registration["client_secret"].as_str().context("no secret")?.to_owned();
        Ok(Self { client, secret })
    }

    /// Tokens that are good at all three places, and the ID token that came with them.
    async fn tokens(&self, installation: &Installation) -> Result<(Tokens, String)> {
        let person = installation.add_person("ada@example.com").await?;
        let attempt = Attempt::new();
        let code = self.client.code_with(&person, &attempt, Decision::Allow, &[("scope", "openid docs:read")]).await?;
        let form =
            [("grant_type", "authorization_code"), ("code", &code), ("redirect_uri", REDIRECT), ("code_verifier", &attempt.verifier)];
        let request = self.client.http.post(self.client.endpoint("token_endpoint")?).basic_auth(&self.client.client_id, Some(&self.secret));
        let answer = Answer::of(request.form(&form)).await?;
        let id_token = answer.json()?["id_token"].as_str().context("no ID token")?.to_owned();
        Ok((Tokens::of(&answer)?, id_token))
    }

    async fn ask(&self, token: &str) -> Result<[Answer; 3]> {
        let mcp = Mcp::new(&self.client.resource, token, Era::Stateless)?;
        let told = Answer::of(mcp.request("tools/list", json!({}))).await?;
        let request =
            self.client.http.post(self.client.endpoint("introspection_endpoint")?).basic_auth(&self.client.client_id, Some(&self.secret));
        let introspected = Answer::of(request.form(&[("token", token)])).await?;
        let info = Answer::of(self.client.http.get(self.client.endpoint("userinfo_endpoint")?).bearer_auth(token)).await?;
        Ok([told, introspected, info])
    }

    async fn accept(&self, token: &str) -> Result {
        let [told, introspected, info] = self.ask(token).await?;
        ensure!(told.status == 200 && introspected.json()?["active"] == true && info.status == 200, "{told:?}\n{introspected:?}\n{info:?}");
        Ok(())
    }

    /// Refused everywhere, in the shape that makes a client get a new one; a header that is no bearer token may be 400.
    async fn refuse(&self, token: &str) -> Result {
        let [told, introspected, info] = self.ask(token).await?;
        ensure!(matches!(told.status, 400 | 401 | 431), "/mcp answers {}: {}", told.status, told.body);
        if told.status == 401 {
            ensure!(told.header("www-authenticate").contains("error=\"invalid_token\""), "/mcp: {:?}", told.headers);
        }
        ensure!(matches!(introspected.status, 200 | 400 | 413), "introspection answers {introspected:?}");
        ensure!(introspected.status != 200 || introspected.json()? == json!({"active": false}), "introspection says {}", introspected.body);
        ensure!(matches!(info.status, 400 | 401 | 431), "userinfo answers {info:?}");
        Ok(())
    }
}

fn with(document: &Value, name: &str, value: Value) -> Value {
    let mut document = document.clone();
    document[name] = value;
    document
}

/// RS6: whatever a forger can do who sees a good token and the published keys.
async fn what_can_be_forged_without_the_key_is_refused(installation: &mut Installation) -> Result {
    let places = Places::of(installation).await?;
    let (tokens, id_token) = places.tokens(installation).await?;
    places.accept(&tokens.access_token).await.context("the token that the attacks start from")?;
    let (header, claims) = jose::read(&tokens.access_token)?;
    let (message, signature) = tokens.access_token.rsplit_once('.').context("no signature")?;
    let keys = Answer::of(places.client.http.get(places.client.endpoint("jwks_uri")?)).await?.expect(200)?;
    let kid = header["kid"].as_str().context("no kid")?;
    let (forger, collector) = (Key::generate(kid)?, Served::new(&json!({})).await?);
    collector.set(&forger.key_set());

    let mut attacks: Vec<(String, String)> = Vec::new();
    for alg in ["none", "None", "NONE", "nOnE", "", "ES256 "] {
        let header = with(&header, "alg", json!(alg));
        let token = jose::unsigned(&header, &claims);
        attacks.push((format!("alg {alg:?} with another's signature"), format!("{token}{signature}")));
        attacks.push((format!("alg {alg:?} without the last dot"), token.trim_end_matches('.').to_owned()));
        attacks.push((format!("alg {alg:?}"), token));
    }
    for (at, secret) in jose::as_secrets(&keys["keys"][0])?.iter().enumerate() {
        attacks.push((
            format!("HS256 with the public key, spelling {at}"),
            jose::hs256(secret, &with(&header, "alg", json!("HS256")), &claims),
        ));
        attacks.push((format!("an HMAC that says it is ES256, spelling {at}"), jose::hs256(secret, &header, &claims)));
    }
    for kid in [
        "unknown",
        "",
        "../../../../../../dev/null",
        "/dev/null",
        "/proc/self/environ",
        "https://evil.example/keys",
        "' OR '1'='1",
        "a\u{0}b",
        "%2e%2e%2f",
        &"k".repeat(5000),
    ] {
        let shown: String = kid.chars().take(40).collect();
        let header = with(&header, "kid", json!(kid));
        attacks.push((format!("kid {shown:?}"), forger.sign(&header, &claims)?));
        attacks.push((format!("kid {shown:?} with HS256 and no secret"), jose::hs256(b"", &with(&header, "alg", json!("HS256")), &claims)));
    }
    for kid in [json!(null), json!(7), json!([kid]), json!({})] {
        attacks.push((format!("kid {kid}"), forger.sign(&with(&header, "kid", kid), &claims)?));
    }
    for (name, value) in [
        ("jwk", forger.public()),
        ("jku", json!(format!("{}/keys", collector.origin))),
        ("x5u", json!(format!("{}/chain.pem", collector.origin))),
        ("x5c", json!([encoded(forger.public().to_string())])),
        ("jwks", forger.key_set()),
        ("iss", json!(collector.origin)),
    ] {
        for kid in [kid, "forger"] {
            attacks.push((
                format!("a key by {name}, kid {kid}"),
                forger.sign(&with(&with(&header, name, value.clone()), "kid", json!(kid)), &claims)?,
            ));
        }
    }
    let elevated = with(&with(&claims, "scope", json!("docs:read libraries:write openid")), "exp", json!(4_102_444_800_i64));
    attacks.push((
        "changed claims under the signature of others".into(),
        format!("{}.{}.{signature}", message.split('.').next().unwrap_or_default(), encoded(elevated.to_string())),
    ));
    attacks.push(("CVE-2022-21449: a signature of zeros".into(), format!("{message}.{}", encoded([0; 64]))));
    attacks.push(("an empty signature".into(), format!("{message}.")));
    attacks.push(("a signature cut short".into(), format!("{message}.{}", &signature[..signature.len() - 2])));
    attacks.push(("a signature with more behind it".into(), format!("{message}.{signature}AAAA")));
    attacks.push(("padding".into(), format!("{}==", tokens.access_token)));
    attacks.push(("four parts".into(), format!("{}.AA", tokens.access_token)));
    attacks.push(("five parts, as an encrypted one has".into(), format!("{message}.{signature}.AA.AA")));
    attacks.push(("9 KB".into(), forger.sign(&header, &with(&claims, "more", json!("x".repeat(9000))))?));
    attacks.push(("60 KB".into(), forger.sign(&header, &with(&claims, "more", json!("x".repeat(60_000))))?));
    attacks.push(("a deep header".into(), forger.sign_text(&format!("{}{}", "[".repeat(4000), "]".repeat(4000)), &claims.to_string())?));
    attacks.push(("an ID token".into(), id_token));
    attacks.push(("a refresh token".into(), tokens.refresh_token.clone()));
    attacks.push(("nothing that is a token".into(), "x.y.z".into()));

    let mut verdicts = Verdicts::new();
    for (label, token) in &attacks {
        verdicts.add(
            label,
            match label.as_str() {
                // The client's own refresh token is one that introspection tells it about.
                "a refresh token" => refresh_token_is_no_bearer(&places, token).await,
                _ => places.refuse(token).await,
            },
        );
    }
    verdicts.end()?;
    ensure!(collector.asked() == 0, "a URL out of a token's header was fetched {} times", collector.asked());
    places.accept(&tokens.access_token).await.context("the good token afterwards")
}

async fn refresh_token_is_no_bearer(places: &Places, token: &str) -> Result {
    let [told, introspected, info] = places.ask(token).await?;
    ensure!(told.status == 401 && info.status == 401, "{told:?}\n{info:?}");
    ensure!(introspected.json()?.get("token_type").is_none(), "{}", introspected.body);
    Ok(())
}

/// RS6: a token of another Docent, with the same claims in every other respect.
async fn a_token_of_another_deployment_is_refused(installation: &mut Installation) -> Result {
    let other = Installation::start(Shape::Together).await?;
    let (places, foreign) = (Places::of(installation).await?, Places::of(&other).await?);
    let (tokens, _) = foreign.tokens(&other).await?;
    foreign.accept(&tokens.access_token).await.context("at its own deployment")?;
    places.refuse(&tokens.access_token).await
}

/// A resource server of the real binary whose issuer's keys are ours: what it takes or refuses has a right signature.
pub(crate) struct OwnIssuer {
    pub(crate) installation: Installation,
    pub(crate) key: Key,
    #[expect(dead_code, reason = "serves as long as it lives")]
    keys: Served,
}

impl OwnIssuer {
    pub(crate) async fn start() -> Result<Self> {
        let key = Key::generate("ours")?;
        let keys = Served::new(&key.key_set()).await?;
        let uri = format!("{}/keys", keys.origin);
        let installation = Installation::start_with(Shape::Split, &[("DOCENT__MCP__KEYS_URL", &uri)]).await?;
        Ok(Self { installation, key, keys })
    }

    pub(crate) fn claims(&self) -> Result<Value> {
        let now = jose::now()?;
        let id = "01939e5c-0000-7000-8000-000000000001";
        Ok(json!({
            "iss": self.installation.issuer, "aud": self.installation.resource, "sub": id, "client_id": "c_1", "scope": "docs:read",
            "iat": now - 1, "nbf": now - 1, "exp": now + 600, "jti": "j1", "project": id, "grant_id": id,
        }))
    }

    pub(crate) async fn call(&self, token: &str) -> Result<Answer> {
        Answer::of(Mcp::new(&self.installation.resource, token, Era::Stateless)?.request("tools/list", json!({}))).await
    }

    pub(crate) async fn refuse(&self, token: &str) -> Result {
        let answer = self.call(token).await?;
        ensure!(
            answer.status == 401 && answer.header("www-authenticate").contains("error=\"invalid_token\""),
            "{} {}",
            answer.status,
            answer.body
        );
        Ok(())
    }

    pub(crate) async fn accept(&self, claims: &Value) -> Result {
        let answer = self.call(&self.key.sign(&self.key.header("at+jwt"), claims)?).await?;
        ensure!(answer.status == 200, "{} {}", answer.status, answer.body);
        Ok(())
    }
}

/// CVE-2026-25537 (`jsonwebtoken` before 10.3 took a claim of the wrong JSON type for one that is not there, and so skipped its check), RS6:
/// tokens with a right signature that are wrong in one thing.
#[tokio::test(flavor = "multi_thread")]
async fn cve_2026_25537_a_claim_of_the_wrong_type_is_not_a_missing_one() -> Result {
    let issuer = OwnIssuer::start().await?;
    let claims = issuer.claims()?;
    issuer.accept(&claims).await.context("the token that the attacks start from")?;
    let now = claims["iat"].as_i64().context("no iat")?;
    let mut verdicts = Verdicts::new();
    for name in ["iss", "aud", "sub", "client_id", "scope", "iat", "nbf", "exp", "jti", "project", "grant_id"] {
        let mut without = claims.clone();
        without.as_object_mut().context("no object")?.remove(name);
        verdicts.add(format!("without {name}"), issuer.refuse(&issuer.key.sign(&issuer.key.header("at+jwt"), &without)?).await);
        for value in
            [json!(null), json!(true), json!({}), json!([]), json!("never"), json!([claims[name], "more"]), json!({"value": claims[name]})]
        {
            // A scope that names nothing of ours is a token that permits nothing, and a string is what a client's id or a jti is.
            if matches!(name, "scope" | "client_id" | "jti") && value.is_string() {
                continue;
            }
            verdicts.add(
                format!("{name} = {value}"),
                issuer.refuse(&issuer.key.sign(&issuer.key.header("at+jwt"), &with(&claims, name, value.clone()))?).await,
            );
        }
    }
    for (name, value) in [
        ("exp", json!((now + 600).to_string())),
        ("exp", json!("99999999999")),
        ("exp", json!(now)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!(1e300)),
        ("nbf", json!("99999999999")),
        ("nbf", json!(now + 120)),
        ("nbf", json!(99_999_999_999_i64)),
        ("iat", json!(now + 120)),
        ("sub", json!("ada")),
        ("jti", json!("")),
        ("client_id", json!("")),
        ("grant_id", json!("00000000")),
    ] {
        verdicts.add(
            format!("{name} = {value}"),
            issuer.refuse(&issuer.key.sign(&issuer.key.header("at+jwt"), &with(&claims, name, value.clone()))?).await,
        );
    }
    verdicts.end()
}

/// RS6: headers and JSON that two readers could read differently, each with a right signature.
#[tokio::test(flavor = "multi_thread")]
async fn what_two_readers_could_read_differently_is_refused() -> Result {
    let issuer = OwnIssuer::start().await?;
    let (claims, header) = (issuer.claims()?, issuer.key.header("at+jwt"));
    issuer.accept(&claims).await.context("the token that the attacks start from")?;
    let (claims_text, header_text) = (claims.to_string(), header.to_string());
    let behind = |text: &str, more: &str| format!("{}{more}}}", text.trim_end_matches('}'));
    let before = |text: &str, more: &str| format!("{{{more}{}", text.trim_start_matches('{'));
    let mut verdicts = Verdicts::new();
    for name in ["iss", "aud", "sub", "client_id", "scope", "exp", "nbf", "iat", "jti", "project", "grant_id"] {
        let twice = behind(&claims_text, &format!(",\"{name}\":{}", claims[name]));
        verdicts.add(format!("{name} twice"), issuer.refuse(&issuer.key.sign_text(&header_text, &twice)?).await);
    }
    let raised = before(&claims_text, "\"scope\":\"libraries:write\",");
    verdicts.add("a raised scope before the other", issuer.refuse(&issuer.key.sign_text(&header_text, &raised)?).await);
    for more in [",\"alg\":\"none\"", ",\"typ\":\"JWT\"", ",\"kid\":\"other\"", ",\"alg\":\"ES256\""] {
        verdicts.add(
            format!("header with {more} twice"),
            issuer.refuse(&issuer.key.sign_text(&behind(&header_text, more), &claims_text)?).await,
        );
    }
    for crit in [json!(["exp"]), json!(["b64"]), json!([]), json!("exp"), json!({})] {
        verdicts.add(format!("crit {crit}"), issuer.refuse(&issuer.key.sign(&with(&header, "crit", crit.clone()), &claims)?).await);
    }
    for typ in [json!("JWT"), json!("id_token"), json!("oauth-id-jag+jwt"), json!("at"), json!(""), json!(null), json!(["at+jwt"])] {
        verdicts.add(format!("typ {typ}"), issuer.refuse(&issuer.key.sign(&with(&header, "typ", typ.clone()), &claims)?).await);
    }
    for (label, header, claims) in [
        ("a byte order mark before the claims", header_text.clone(), format!("\u{feff}{claims_text}")),
        ("a second object behind the claims", header_text.clone(), format!("{claims_text}{{}}")),
        ("claims in a list", header_text.clone(), format!("[{claims_text}]")),
        ("a header in a list", format!("[{header_text}]"), claims_text.clone()),
        ("comments", header_text.clone(), format!("/* */{claims_text}")),
        ("9 KB", header_text.clone(), behind(&claims_text, &format!(",\"more\":\"{}\"", "x".repeat(9000)))),
    ] {
        verdicts.add(label, issuer.refuse(&issuer.key.sign_text(&header, &claims)?).await);
    }
    let good = issuer.key.sign(&header, &claims)?;
    for (label, token) in [("padding", format!("{good}==")), ("a dot behind", format!("{good}.")), ("a dot before", format!(".{good}"))] {
        verdicts.add(label, issuer.refuse(&token).await);
    }
    verdicts.end()
}

docent_tests::together_and_split!(what_can_be_forged_without_the_key_is_refused);
docent_tests::in_shape!(sqlite, Together, a_token_of_another_deployment_is_refused);
