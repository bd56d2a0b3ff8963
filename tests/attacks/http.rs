//! HTTP itself: requests that two readers take for different ones, headers that grow, methods that nobody asked for.

use crate::raw::{address, host, send, statuses};
use crate::verdicts::Verdicts;
use anyhow::{Context as _, ensure};
use docent_tests::http::{Answer, client};
use docent_tests::oauth_client::Attempt;
use docent_tests::{Installation, OAuthClient, Result};

/// What a smuggled request would be answered with, and nothing else here is.
const SMUGGLED: &str = "GET /healthz?smuggled HTTP/1.1\r\nHost: HOST\r\n\r\n";
const TELLTALE: &str = "{\"status\":\"ok\"}";

/// A form whose framing is said in this way, with a request in what one of two readers takes for the rest of its body.
fn framed(headers: &str, body: &str) -> String {
    format!("POST /oauth/token HTTP/1.1\r\nHost: HOST\r\nContent-Type: application/x-www-form-urlencoded\r\n{headers}\r\n\r\n{body}")
}

/// RFC 9112 6.3 and 11.2: a request whose length can be read in two ways is refused and its connection closed. What stands behind it is not
/// taken for the next request, with which an attacker would reach past a proxy.
async fn request_smuggling_shapes(installation: &mut Installation) -> Result {
    let address = address(installation)?;
    let chunk = format!("0\r\n\r\n{SMUGGLED}");
    let length = format!("Content-Length: {}", chunk.len());
    let refused = [
        ("length, then chunked", framed(&format!("{length}\r\nTransfer-Encoding: chunked"), &chunk)),
        ("chunked, then length", framed(&format!("Transfer-Encoding: chunked\r\n{length}"), &chunk)),
        ("chunked and length 0", framed("Transfer-Encoding: chunked\r\nContent-Length: 0", &chunk)),
        ("two lengths", framed(&format!("Content-Length: 5\r\n{length}"), &chunk)),
        ("the same length twice", framed("Content-Length: 5\r\nContent-Length: 5", &format!("a=b&c{SMUGGLED}"))),
        ("a list of lengths", framed("Content-Length: 5, 5", &format!("a=b&c{SMUGGLED}"))),
        ("+5", framed("Content-Length: +5", &format!("a=b&c{SMUGGLED}"))),
        ("-1", framed("Content-Length: -1", SMUGGLED)),
        ("0x5", framed("Content-Length: 0x5", &format!("a=b&c{SMUGGLED}"))),
        ("5 5", framed("Content-Length: 5 5", &format!("a=b&c{SMUGGLED}"))),
        ("no length", framed("Content-Length: ", SMUGGLED)),
        ("1e1", framed("Content-Length: 1e1", &format!("a=b&c{SMUGGLED}"))),
        ("2^64", framed("Content-Length: 18446744073709551616", SMUGGLED)),
        ("a space before the colon", framed("Content-Length : 5", &format!("a=b&c{SMUGGLED}"))),
        ("identity and a length", framed(&format!("Transfer-Encoding: identity\r\n{length}"), &chunk)),
        ("identity", framed("Transfer-Encoding: identity", SMUGGLED)),
        ("xchunked", framed(&format!("Transfer-Encoding: xchunked\r\n{length}"), &chunk)),
        ("chunked, identity", framed("Transfer-Encoding: chunked, identity", &chunk)),
        ("gzip, chunked", framed("Transfer-Encoding: gzip, chunked", &chunk)),
        ("chunked twice in a list", framed("Transfer-Encoding: chunked, chunked", &chunk)),
        ("chunked twice", framed("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked", &chunk)),
        ("chunked and something else", framed("Transfer-Encoding: chunked\r\nTransfer-Encoding: cow", &chunk)),
        ("quoted", framed(&format!("Transfer-Encoding: \"chunked\"\r\n{length}"), &chunk)),
        ("a vertical tab", framed(&format!("Transfer-Encoding:\x0bchunked\r\n{length}"), &chunk)),
        ("a space before chunked's colon", framed(&format!("Transfer-Encoding : chunked\r\n{length}"), &chunk)),
        ("a folded line", framed(&format!("Transfer-Encoding:\r\n chunked\r\n{length}"), &chunk)),
        ("a folded line of another header", framed(&format!("X: a\r\n b\r\n{length}"), &chunk)),
        ("a line that begins with a space", framed(&format!("X: a\r\n Transfer-Encoding: chunked\r\n{length}"), &chunk)),
        ("chunked behind a bare LF", framed(&format!("X: a\nTransfer-Encoding: chunked\r\n{length}"), &chunk)),
        ("chunked behind a bare CR", framed(&format!("X: a\rTransfer-Encoding: chunked\r\n{length}"), &chunk)),
        ("a NUL in a value", framed(&format!("X: a\0b\r\n{length}"), &chunk)),
        ("a NUL in a name", framed(&format!("X\0: b\r\n{length}"), &chunk)),
        ("no colon", framed(&format!("X\r\n{length}"), &chunk)),
        ("an empty name", framed(&format!(": x\r\n{length}"), &chunk)),
        ("chunked in HTTP/1.0", framed("Transfer-Encoding: chunked", &chunk).replacen("HTTP/1.1", "HTTP/1.0", 1)),
        ("two hosts", framed(&format!("Host: attacker.example\r\n{length}"), &chunk)),
        ("no host", framed(&length, &chunk).replacen("Host: HOST\r\n", "", 1)),
        ("a chunk size with a sign", framed("Transfer-Encoding: chunked", &format!("+5\r\na=b&c\r\n0\r\n\r\n{SMUGGLED}"))),
        ("a chunk size with 0x", framed("Transfer-Encoding: chunked", &format!("0x5\r\na=b&c\r\n0\r\n\r\n{SMUGGLED}"))),
        ("a chunk size of two numbers", framed("Transfer-Encoding: chunked", &format!("5 5\r\na=b&c\r\n0\r\n\r\n{SMUGGLED}"))),
        (
            "a chunk size beyond 64 bits",
            framed("Transfer-Encoding: chunked", &format!("10000000000000005\r\na=b&c\r\n0\r\n\r\n{SMUGGLED}")),
        ),
        ("no chunk size", framed("Transfer-Encoding: chunked", &format!("\r\n{SMUGGLED}"))),
        ("a chunk's line ended by LF", framed("Transfer-Encoding: chunked", &format!("5\na=b&c\r\n0\r\n\r\n{SMUGGLED}"))),
        ("an LF in a chunk extension", framed("Transfer-Encoding: chunked", &format!("5;x=\ny\r\na=b&c\r\n0\r\n\r\n{SMUGGLED}"))),
        ("a CR in a chunk extension", framed("Transfer-Encoding: chunked", &format!("5;x=\ry\r\na=b&c\r\n0\r\n\r\n{SMUGGLED}"))),
        ("a chunk that is longer than it says", framed("Transfer-Encoding: chunked", &format!("3\r\na=b&c\r\n0\r\n\r\n{SMUGGLED}"))),
        ("a chunk ended by LF", framed("Transfer-Encoding: chunked", &format!("5\r\na=b&c\n0\r\n\r\n{SMUGGLED}"))),
    ];
    let mut verdicts = Verdicts::new();
    for (label, request) in &refused {
        let answer = send(&address, &request.replace("HOST", &host(&address))).await?;
        let outcome = (|| {
            ensure!(!answer.contains(TELLTALE), "the smuggled request was answered: {answer}");
            let statuses = statuses(&answer);
            // A body that turns out to be damaged may end the connection without a word.
            ensure!(statuses.is_empty() || statuses == [400], "{statuses:?}: {answer}");
            Ok(())
        })();
        verdicts.add(label, outcome);
    }
    // What is clear is read, and what stands behind it is the next request: no body is left over and none is read too far.
    let clear = [
        ("a length", framed("Content-Length: 5", &format!("a=b&c{SMUGGLED}"))),
        ("chunks", framed("Transfer-Encoding: chunked", &format!("5\r\na=b&c\r\n0\r\n\r\n{SMUGGLED}"))),
        (
            "chunks with extensions and trailers",
            framed("Transfer-Encoding: chunked", &format!("5;x=y\r\na=b&c\r\n0\r\nX-Trailer: x\r\n\r\n{SMUGGLED}")),
        ),
        ("another letter case", framed("transfer-ENCODING: ChUnKeD", &format!("5\r\na=b&c\r\n0\r\n\r\n{SMUGGLED}"))),
        ("a GET with a body", format!("GET /oauth/jwks HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\na=b&c{SMUGGLED}")),
        ("a body that nobody reads", format!("POST /oauth/jwks HTTP/1.1\r\nHost: HOST\r\nContent-Length: 5\r\n\r\na=b&c{SMUGGLED}")),
    ];
    for (label, request) in &clear {
        let answer = send(&address, &request.replace("HOST", &host(&address))).await?;
        let outcome = (|| {
            // The connection may be closed instead of being used again.
            let statuses = statuses(&answer);
            ensure!(
                statuses.len() == 1 || (statuses.len() == 2 && statuses[1] == 200 && answer.contains(TELLTALE)),
                "{statuses:?}: {answer}"
            );
            Ok(())
        })();
        verdicts.add(label, outcome);
    }
    ensure!(Answer::of(client()?.get(format!("{}/healthz", installation.issuer))).await?.body == TELLTALE, "the telltale is another");
    verdicts.end()
}

/// RS8, *Sign-in*: an absolute request target and a foreign `Host` change nothing of what the server says about itself, and `/mcp` is not
/// reached under another name.
async fn absolute_targets_and_foreign_hosts(installation: &mut Installation) -> Result {
    let address = address(installation)?;
    let own = host(&address);
    let mut verdicts = Verdicts::new();
    let paths = [
        "/mcp",
        "/.well-known/oauth-authorization-server",
        "/.well-known/oauth-protected-resource/mcp",
        "/oauth/authorize?client_id=x",
        "/sign-in",
        "/",
        "/oauth/token",
        "/no/such",
    ];
    for path in paths {
        let requests = [
            ("a foreign Host", format!("GET {path} HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n")),
            ("an absolute target", format!("GET http://attacker.example{path} HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n")),
            (
                "an absolute target and its Host",
                format!("GET http://attacker.example{path} HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n"),
            ),
            (
                "an absolute target with our name",
                format!("GET http://{own}{path} HTTP/1.1\r\nHost: attacker.example\r\nConnection: close\r\n\r\n"),
            ),
            (
                "a forwarded Host",
                format!(
                    "GET {path} HTTP/1.1\r\nHost: {own}\r\nX-Forwarded-Host: attacker.example\r\nForwarded: host=attacker.example\r\nConnection: close\r\n\r\n"
                ),
            ),
        ];
        for (label, request) in requests {
            let answer = send(&address, &request).await?;
            let outcome = (|| {
                ensure!(statuses(&answer).len() == 1, "{answer}");
                ensure!(!answer.contains("attacker"), "the foreign name comes back: {answer}");
                ensure!(path != "/mcp" || label == "a forwarded Host" || statuses(&answer)[0] == 403, "{answer}");
                Ok(())
            })();
            verdicts.add(format_args!("{label}, {path}"), outcome);
        }
    }
    verdicts.end()
}

/// AS4: a line break in whatever comes back in a header stays a part of the value.
async fn header_injection_through_state(installation: &mut Installation) -> Result {
    let address = address(installation)?;
    let target = OAuthClient::register(installation, "Header").await?;
    let mut verdicts = Verdicts::new();
    let breaks = ["\r\n", "\n", "\r", "\r\n\r\n", "\u{85}", "\u{2028}", "\u{560d}\u{560a}", "%0d%0a", "\0"];
    for line_break in breaks {
        let evil = format!("x{line_break}X-Injected: yes{line_break}Set-Cookie: a=b{line_break}{line_break}<script>");
        let authorization = |changes: &[(&str, &str)]| -> Result<String> {
            let url = target.authorization_url(&Attempt::new(), changes)?;
            Ok(url.strip_prefix(&installation.issuer).context("not at the issuer")?.to_owned())
        };
        let encoded: String = evil.bytes().map(|byte| format!("%{byte:02x}")).collect();
        let paths = [
            ("state of an error", authorization(&[("prompt", "none"), ("state", &evil)])?),
            ("scope", authorization(&[("prompt", "none"), ("scope", &evil)])?),
            ("state on the way to the sign-in", authorization(&[("state", &evil)])?),
            ("redirect_uri", authorization(&[("redirect_uri", &format!("{}?{evil}", target.redirect_uri))])?),
            ("client_id", format!("/oauth/authorize?client_id={encoded}")),
            ("a name", authorization(&[("prompt", "none"), (&evil, "x")])?),
            ("return_to", format!("/sign-in?return_to=%2f{encoded}")),
            ("path", format!("/{encoded}")),
            ("path below oauth", format!("/oauth/{encoded}")),
            ("well-known path", format!("/.well-known/oauth-protected-resource/{encoded}")),
        ];
        for (label, path) in paths {
            let request = format!("GET {path} HTTP/1.1\r\nHost: {}\r\nX-Request-Id: x\r\nConnection: close\r\n\r\n", host(&address));
            let answer = send(&address, &request).await?;
            let outcome = (|| {
                ensure!(statuses(&answer).len() == 1, "{answer}");
                let head = answer.split("\r\n\r\n").next().unwrap_or_default().to_ascii_lowercase();
                let injected = head.split(['\r', '\n']).any(|line| line.starts_with("x-injected") || line.starts_with("set-cookie: a=b"));
                ensure!(!injected, "{head}");
                Ok(())
            })();
            verdicts.add(format_args!("{line_break:?} in {label}"), outcome);
        }
    }
    verdicts.end()
}

/// Oversized heads, strange methods and protocols are refused one by one, without a stack trace, an echo or a tunnel; the server answers the
/// next caller as before.
async fn oversized_heads_and_strange_methods(installation: &mut Installation) -> Result {
    let address = address(installation)?;
    let own = host(&address);
    let get = |target: &str, headers: &str| format!("GET {target} HTTP/1.1\r\nHost: {own}\r\n{headers}Connection: close\r\n\r\n");
    let many: String = (0..500).map(|number| format!("X-{number}: y\r\n")).collect();
    let mut verdicts = Verdicts::new();
    for (label, request, allowed) in [
        ("a URL of 60 KB", get(&format!("/oauth/authorize?state={}", "a".repeat(60_000)), ""), &[400, 414, 431][..]),
        ("a URL of 1 MB", get(&format!("/{}", "a".repeat(1_000_000)), ""), &[400, 413, 414, 431]),
        ("a header of 100 KB", get("/healthz", &format!("X: {}\r\n", "a".repeat(100_000))), &[200, 400, 431]),
        ("a header of 1 MB", get("/healthz", &format!("X: {}\r\n", "a".repeat(1_000_000))), &[400, 413, 431]),
        ("500 headers", get("/healthz", &many), &[400, 413, 431]),
        ("a cookie of 100 KB", get("/", &format!("Cookie: docent_session={}\r\n", "a".repeat(100_000))), &[200, 303, 400, 431]),
        ("1,000 cookies", get("/", &format!("Cookie: {}\r\n", "docent_session=a; ".repeat(1_000))), &[200, 303, 400, 431]),
        ("a bearer of 100 KB", get("/mcp", &format!("Authorization: Bearer {}\r\n", "a".repeat(100_000))), &[400, 401, 431]),
        (
            "TRACE",
            format!("TRACE /mcp HTTP/1.1\r\nHost: {own}\r\nCookie: secret=1\r\nConnection: close\r\n\r\n"),
            &[400, 401, 404, 405, 501],
        ),
        ("CONNECT", format!("CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: {own}\r\n\r\nSSH-2.0-x\r\n"), &[400, 404, 405, 501]),
        ("OPTIONS *", format!("OPTIONS * HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"), &[200, 204, 400, 404, 405]),
        ("an unknown method", format!("FOO /oauth/token HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"), &[400, 405, 501]),
        ("a method in small letters", format!("post /oauth/token HTTP/1.1\r\nHost: {own}\r\nConnection: close\r\n\r\n"), &[400, 405, 501]),
        ("a method that overrides", get("/oauth/token", "X-HTTP-Method-Override: POST\r\nX-HTTP-Method: POST\r\n"), &[405]),
        (
            "a WebSocket",
            get("/mcp", "Upgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"),
            &[400, 401, 404, 405, 406],
        ),
        ("h2c", get("/healthz", "Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA\r\n"), &[200, 400]),
        ("the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".to_owned(), &[400, 505]),
        ("HTTP/0.9", "GET /\r\n\r\n".to_owned(), &[400, 505]),
        ("HTTP/9.9", format!("GET /healthz HTTP/9.9\r\nHost: {own}\r\n\r\n"), &[400, 505]),
        ("TLS", "\x16\x03\x01\x02\x00\x01\x00\x01\x7c\x03\x03\r\n\r\n".to_owned(), &[400]),
        ("noise", "\x01\x02\x03\x04\x7f\r\n\r\n".to_owned(), &[400]),
        ("a target without a slash", get("healthz", ""), &[400, 404]),
        ("dots in the target", get("/oauth/../../etc/passwd", ""), &[400, 404]),
        ("a backslash in the target", get("/oauth\\token", ""), &[400, 404]),
    ] {
        let answer = send(&address, &request).await?;
        let outcome = (|| {
            let statuses = statuses(&answer);
            // A connection that is closed while the head still grows is an answer too.
            ensure!(statuses.is_empty() || (statuses.len() == 1 && allowed.contains(&statuses[0])), "{statuses:?}: {answer:.600}");
            ensure!(!answer.contains("secret=1") && !answer.contains("panicked") && !answer.contains("root:"), "{answer:.600}");
            Ok(())
        })();
        verdicts.add(label, outcome);
    }
    ensure!(Answer::of(client()?.get(format!("{}/healthz", installation.issuer))).await?.status == 200, "the server is down");
    verdicts.end()
}

docent_tests::in_shape!(
    together,
    Together,
    request_smuggling_shapes,
    absolute_targets_and_foreign_hosts,
    header_injection_through_state,
    oversized_heads_and_strange_methods
);
