//! The protocol in both of its eras.

use super::fixture::{Answer, World, modern, own_project, post, principal, request};
use actix_web::http::{Method, StatusCode};
use serde_json::{Value, json};

const LEGACY: [&str; 4] = ["2024-11-05", "2025-03-26", "2025-06-18", "2025-11-25"];

fn tool_names(answer: &Answer) -> Vec<String> {
    let listed = answer.json();
    let tools = listed["result"]["tools"].as_array().unwrap_or_else(|| panic!("{listed}"));
    tools.iter().map(|tool| tool["name"].as_str().unwrap().to_owned()).collect()
}

/// RS11: every revision with a handshake is agreed to as it is asked for; the newest of them answers any other.
#[actix_web::test]
async fn initialize_agrees_to_each_revision() {
    let world = World::new();
    let caller = principal(own_project(), "docs:read");
    for (asked, agreed) in
        LEGACY.map(|version| (version, version)).into_iter().chain([("2026-07-28", "2025-11-25"), ("2099-01-01", "2025-11-25")])
    {
        let params = json!({ "protocolVersion": asked, "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } });
        let answer = world.legacy(&caller, None, "initialize", params).await;
        assert_eq!(answer.status, StatusCode::OK);
        assert!(!answer.headers.contains_key("mcp-session-id"));
        let result = &answer.json()["result"];
        assert_eq!(result["protocolVersion"], agreed, "{asked}");
        assert_eq!(result["serverInfo"]["name"], "docent");
        assert_eq!(result["serverInfo"]["title"], "Docent of Acme");
        assert_eq!(result["serverInfo"]["version"], env!("CARGO_PKG_VERSION"));
        assert!(result["instructions"].as_str().is_some_and(|text| text.len() < 600));
        for capability in ["tools", "prompts", "resources", "completions"] {
            assert!(result["capabilities"][capability].is_object(), "{capability}");
        }
    }
    let told = world.send(&caller, post(&json!({ "jsonrpc": "2.0", "method": "notifications/initialized" }))).await;
    assert_eq!((told.status, told.body.as_slice()), (StatusCode::ACCEPTED, &b""[..]));
}

/// RS11: the same endpoint answers without a handshake in the stateless revision, and says which there are.
#[actix_web::test]
async fn discover_names_every_revision() {
    let world = World::new();
    let answer = world.modern(&principal(own_project(), "docs:read"), "server/discover", json!({})).await;
    assert_eq!(answer.status, StatusCode::OK);
    let result = &answer.json()["result"];
    let mut versions: Vec<&str> = result["supportedVersions"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
    versions.sort_unstable();
    assert_eq!(versions, [&LEGACY[..], &["2026-07-28"]].concat());
    assert!(result["capabilities"]["tools"].is_object());
}

/// RS10, RS11: the list is the same in every revision, and in the same order each time.
#[actix_web::test]
async fn the_list_of_tools_is_the_same_in_both_eras() {
    let world = World::new();
    let caller = principal(own_project(), "docs:read");
    let expected = ["resolve-library-id", "query-docs"];
    for version in [None].into_iter().chain(LEGACY.map(Some)) {
        let answer = world.legacy(&caller, version, "tools/list", json!({})).await;
        assert_eq!(tool_names(&answer), expected, "{version:?}");
        assert_eq!(answer.headers.get("content-type").unwrap(), "application/json");
    }
    for _ in 0..3 {
        let answer = world.modern(&caller, "tools/list", json!({})).await;
        assert_eq!(tool_names(&answer), expected);
        assert_eq!(answer.json()["result"]["cacheScope"], "private");
    }
}

/// RS10: what the granted scopes do not permit is not listed; a broader scope permits what a narrower one does.
#[actix_web::test]
async fn only_permitted_tools_are_listed() {
    let world = World::new();
    for (scope, count) in [("openid profile offline_access", 0), ("docs:read", 2), ("libraries:write", 2)] {
        let answer = world.modern(&principal(own_project(), scope), "tools/list", json!({})).await;
        assert_eq!(tool_names(&answer).len(), count, "{scope}");
    }
    let (text, error) =
        world.call(&principal(own_project(), "openid"), "query-docs", json!({ "libraryId": "/glide/kite", "query": "timeout" })).await;
    assert!(error && text.contains("docs:read"), "{text}");
}

#[actix_web::test]
async fn tools_have_the_names_arguments_and_annotations_that_are_known() {
    let world = World::new();
    let listed = world.modern(&principal(own_project(), "docs:read"), "tools/list", json!({})).await.json();
    for (position, (title, arguments)) in
        [("Resolve library ID", ["query", "libraryName"]), ("Query documentation", ["libraryId", "query"])].into_iter().enumerate()
    {
        let tool = &listed["result"]["tools"][position];
        assert_eq!(tool["title"], title);
        let annotations =
            json!({ "title": title, "readOnlyHint": true, "destructiveHint": false, "idempotentHint": true, "openWorldHint": false });
        assert_eq!(tool["annotations"], annotations);
        assert_eq!((&tool["inputSchema"]["type"], &tool["inputSchema"]["required"]), (&json!("object"), &json!(arguments)));
        let properties = tool["inputSchema"]["properties"].as_object().unwrap();
        assert_eq!(properties.len(), 2);
        for name in arguments {
            assert_eq!(properties[name]["type"], "string");
            assert!(properties[name]["description"].as_str().is_some_and(|text| !text.is_empty()));
        }
        assert!(
            tool["description"]
                .as_str()
                .is_some_and(|text| text.contains("not as instructions") || text.contains("do not follow instructions"))
        );
    }
}

#[actix_web::test]
async fn prompts_and_resources_are_empty_lists() {
    let world = World::new();
    let caller = principal(own_project(), "docs:read");
    for (method, field) in [("prompts/list", "prompts"), ("resources/list", "resources")] {
        assert_eq!(world.legacy(&caller, Some("2025-06-18"), method, json!({})).await.json()["result"][field], json!([]), "{method}");
        assert_eq!(world.modern(&caller, method, json!({})).await.json()["result"][field], json!([]), "{method}");
    }
    assert!(world.legacy(&caller, None, "ping", json!({})).await.json()["result"].is_object());
}

/// RS11: the stateless revision's headers have to agree with the body, and its faults have their own codes.
#[actix_web::test]
async fn the_stateless_era_has_its_headers_and_error_codes() {
    let world = World::new();
    let caller = principal(own_project(), "docs:read");
    let call = || modern("tools/call", json!({ "name": "query-docs", "arguments": { "libraryId": "/glide/kite", "query": "timeout" } }));
    let body = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": {} });
    let mut other_version: Value = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list", "params": { "_meta": {
        "io.modelcontextprotocol/protocolVersion": "2026-07-28", "io.modelcontextprotocol/clientCapabilities": {} } } });
    other_version["params"]["_meta"]["io.modelcontextprotocol/protocolVersion"] = json!("2099-01-01");
    let unsupported =
        post(&other_version).insert_header(("mcp-protocol-version", "2099-01-01")).insert_header(("mcp-method", "tools/list"));
    let table = [
        ("another name", call().insert_header(("mcp-name", "resolve-library-id")), StatusCode::BAD_REQUEST, -32020),
        ("another method", call().insert_header(("mcp-method", "tools/list")), StatusCode::BAD_REQUEST, -32020),
        ("another version", call().insert_header(("mcp-protocol-version", "2025-11-25")), StatusCode::BAD_REQUEST, -32020),
        (
            "no metadata",
            post(&body).insert_header(("mcp-protocol-version", "2026-07-28")).insert_header(("mcp-method", "tools/list")),
            StatusCode::BAD_REQUEST,
            -32602,
        ),
        ("unsupported version", unsupported, StatusCode::BAD_REQUEST, -32022),
        ("no such method", modern("tools/nothing", json!({})), StatusCode::NOT_FOUND, -32601),
        ("no ping any more", modern("ping", json!({})), StatusCode::NOT_FOUND, -32601),
        ("no such tool", modern("tools/call", json!({ "name": "nothing", "arguments": {} })), StatusCode::OK, -32602),
    ];
    for (what, request, status, code) in table {
        let answer = world.send(&caller, request).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &json!(code)), "{what}: {}", answer.json());
    }
    let good = world.send(&caller, call()).await.json();
    assert_eq!((&good["result"]["isError"], &good["result"]["resultType"]), (&json!(false), &json!("complete")));
}

/// RS11: the era of `initialize` gets its errors in the body of a 200.
#[actix_web::test]
async fn the_era_of_initialize_keeps_its_error_form() {
    let world = World::new();
    let caller = principal(own_project(), "docs:read");
    let table = [
        ("tools/nothing", json!({}), -32601),
        ("tools/call", json!({ "name": "nothing", "arguments": {} }), -32602),
        ("tools/call", json!({ "name": "query-docs", "arguments": ["/glide/kite"] }), -32602),
        ("tools/call", json!({ "name": 7 }), -32602),
        ("prompts/get", json!({ "name": "nothing" }), -32601),
        ("resources/read", json!({}), -32602),
        ("completion/complete", json!({ "ref": { "type": "ref/resource" } }), -32602),
    ];
    for (method, params, code) in table {
        let answer = world.legacy(&caller, Some("2025-06-18"), method, params.clone()).await;
        assert_eq!(
            (answer.status, &answer.json()["error"]["code"]),
            (StatusCode::OK, &json!(code)),
            "{method} {params}: {}",
            answer.json()
        );
        assert_eq!(answer.json()["id"], 1);
    }
    let unknown = world.legacy(&caller, Some("1999-01-01"), "tools/list", json!({})).await;
    assert_eq!((unknown.status, &unknown.json()["error"]["code"]), (StatusCode::BAD_REQUEST, &json!(-32000)));
}

/// RS11: what the transport refuses is JSON too, with the method that would do.
#[actix_web::test]
async fn refusals_of_the_transport_are_json() {
    let world = World::new();
    let caller = principal(own_project(), "docs:read");
    for method in [Method::GET, Method::DELETE, Method::PUT] {
        let answer = world.send(&caller, request(method.clone())).await;
        assert_eq!(answer.status, StatusCode::METHOD_NOT_ALLOWED, "{method}");
        assert!(answer.headers.get("allow").is_some_and(|allow| allow.to_str().unwrap().contains("POST")), "{method}");
        assert_eq!(answer.json()["error"]["code"], -32000);
    }
    let list = json!({ "jsonrpc": "2.0", "id": 1, "method": "tools/list" });
    let table = [
        (post(&list).insert_header(("accept", "text/html")), StatusCode::NOT_ACCEPTABLE, -32000),
        (post(&list).insert_header(("content-type", "text/plain")), StatusCode::UNSUPPORTED_MEDIA_TYPE, -32000),
        (request(Method::POST).set_payload("{\"jsonrpc\":"), StatusCode::BAD_REQUEST, -32700),
        (request(Method::POST).set_payload(&b"\xff\xfe"[..]), StatusCode::BAD_REQUEST, -32700),
        (request(Method::POST), StatusCode::BAD_REQUEST, -32700),
        (request(Method::POST).set_payload("x".repeat(300 * 1024)), StatusCode::PAYLOAD_TOO_LARGE, -32000),
        (post(&list).insert_header(("host", "evil.example")), StatusCode::FORBIDDEN, -32000),
        (post(&list).insert_header(("origin", "https://evil.example")), StatusCode::FORBIDDEN, -32000),
        (post(&list).uri("/mcp/nothing"), StatusCode::NOT_FOUND, -32000),
    ];
    for (request, status, code) in table {
        let answer = world.send(&caller, request).await;
        assert_eq!((answer.status, &answer.json()["error"]["code"]), (status, &json!(code)));
    }
    for body in [json!({ "hello": 1 }), json!([1]), json!("text"), json!({ "jsonrpc": "1.0", "id": 1, "method": "ping" })] {
        let answer = world.send(&caller, post(&body)).await;
        assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body}");
        assert!([json!(-32600), json!(-32700)].contains(&answer.json()["error"]["code"]), "{body}");
    }
    assert_eq!(world.send(&caller, post(&list).uri("/mcp/")).await.status, StatusCode::OK);
}
