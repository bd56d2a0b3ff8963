//! Pages as resources, in both eras.

use super::fixture::{Answer, World, other_project, own_project, principal};
use docent_types::principal::Principal;
use serde_json::{Value, json};
use std::sync::Arc;

const TEMPLATE: &str = "docent://{+libraryId}/{+path}";

fn caller() -> Arc<Principal> {
    principal(own_project(), "docs:read")
}

/// The same request in both eras; what comes back must be the same but for what each era adds.
async fn both(world: &World, caller: &Arc<Principal>, method: &str, params: Value) -> (Answer, Answer) {
    let legacy = world.legacy(caller, Some("2025-06-18"), method, params.clone()).await;
    (legacy, world.modern(caller, method, params).await)
}

async fn read(world: &World, caller: &Arc<Principal>, uri: &str) -> Result<String, Value> {
    let (legacy, modern) = both(world, caller, "resources/read", json!({ "uri": uri })).await;
    let (legacy, modern) = (legacy.json(), modern.json());
    assert_eq!(legacy["result"]["contents"], modern["result"]["contents"], "{uri}");
    assert_eq!(legacy["error"]["message"], modern["error"]["message"], "{uri}");
    let Some(contents) = legacy["result"]["contents"].as_array() else {
        let code = legacy["error"]["code"].clone();
        // The stateless revision has no code of its own for a resource that is not there.
        let expected = if code == -32002 { json!(-32602) } else { code };
        assert_eq!(modern["error"]["code"], expected, "{modern}");
        return Err(legacy["error"].clone());
    };
    assert_eq!(contents.len(), 1);
    assert_eq!((&contents[0]["uri"], &contents[0]["mimeType"]), (&json!(uri), &json!("text/markdown")));
    assert_eq!(modern["result"]["cacheScope"], "private");
    Ok(contents[0]["text"].as_str().unwrap().to_owned())
}

async fn complete(world: &World, caller: &Arc<Principal>, name: &str, value: &str, library: Option<&str>) -> Vec<String> {
    let mut params = json!({ "ref": { "type": "ref/resource", "uri": TEMPLATE }, "argument": { "name": name, "value": value } });
    if let Some(library) = library {
        params["context"] = json!({ "arguments": { "libraryId": library } });
    }
    let (legacy, modern) = both(world, caller, "completion/complete", params).await;
    let (legacy, modern) = (legacy.json(), modern.json());
    assert_eq!(legacy["result"]["completion"], modern["result"]["completion"]);
    let completion = &legacy["result"]["completion"];
    let values = completion["values"].as_array().unwrap_or_else(|| panic!("{legacy}"));
    assert_eq!((&completion["total"], &completion["hasMore"]), (&json!(values.len()), &json!(false)));
    values.iter().map(|value| value.as_str().unwrap().to_owned()).collect()
}

#[actix_web::test]
async fn one_template_is_listed_for_those_who_may_read() {
    let world = World::new();
    let (legacy, modern) = both(&world, &caller(), "resources/templates/list", json!({})).await;
    assert_eq!(legacy.json()["result"]["resourceTemplates"], modern.json()["result"]["resourceTemplates"]);
    let templates = legacy.json()["result"]["resourceTemplates"].clone();
    assert_eq!(templates.as_array().map(Vec::len), Some(1));
    assert_eq!((&templates[0]["uriTemplate"], &templates[0]["mimeType"]), (&json!(TEMPLATE), &json!("text/markdown")));
    let nobody = principal(own_project(), "openid");
    let (legacy, _) = both(&world, &nobody, "resources/templates/list", json!({})).await;
    assert_eq!(legacy.json()["result"]["resourceTemplates"], json!([]));
    let error = read(&world, &nobody, "docent://glide/kite/README.md").await.unwrap_err();
    assert!(error["message"].as_str().unwrap().contains("docs:read"), "{error}");
    assert!(complete(&world, &nobody, "libraryId", "", None).await.is_empty());
}

#[actix_web::test]
async fn a_page_is_read_whole_with_its_source() {
    let world = World::new();
    for uri in ["docent://glide/kite/README.md", "docent:///glide/kite/README.md", "docent://%2Fglide%2Fkite/README.md"] {
        let text = read(&world, &caller(), uri).await.unwrap();
        assert!(text.starts_with("# Kite\n\nSource: ") && text.contains("\nLibrary: /glide/kite\n"), "{text}");
        assert!(text.contains("Kite is a small HTTP client for gliders."), "{text}");
        let places: Vec<usize> = ["## Timeouts", "Set a timeout", "```rust\n", "with_timeout(Dur", "## Retries", "with_retries(7)"]
            .map(|part| text.find(part).unwrap_or_else(|| panic!("{part}: {text}")))
            .to_vec();
        assert!(places.is_sorted(), "{text}");
    }
}

#[actix_web::test]
async fn a_version_is_read_exactly_even_if_its_name_has_a_slash() {
    let world = World::new();
    for uri in
        ["docent://glide/loft@release/2/README.md", "docent:///glide/loft/release/2/README.md", "docent://glide/loft@release%2F2/README.md"]
    {
        let text = read(&world, &caller(), uri).await.unwrap();
        assert!(text.starts_with("# Loft 2\n") && text.contains("Library: /glide/loft, version release/2"), "{uri}: {text}");
    }
    assert!(read(&world, &caller(), "docent://glide/loft/README.md").await.unwrap().contains("as it is now"));
    let error = read(&world, &caller(), "docent://glide/loft@release/3/README.md").await.unwrap_err();
    assert!(error["code"] == -32002 && error["message"].as_str().unwrap().contains("release/2"), "{error}");
}

#[actix_web::test]
async fn a_page_that_is_not_there_is_not_found_and_near_ones_are_named() {
    let world = World::new();
    for (uri, words) in [
        ("docent://glide/kite/README", "Near are: README.md"),
        ("docent://glide/kite/docs/readme.md", "Near are: README.md"),
        ("docent://glide/kite/zzzz/qqqq", "Ask query-docs"),
        ("docent://glide/kite", "Near are: README.md"),
        ("docent://glide/kites/README.md", "Did you mean /glide/kite?"),
        ("docent://glide/kite@v9/README.md", "has no version"),
        ("docent://glide/kite/../../README.md", "has no page"),
        ("file:///etc/passwd", "form docent://owner/name/path"),
        ("docent://", "form docent://owner/name/path"),
    ] {
        let error = read(&world, &caller(), uri).await.unwrap_err();
        assert_eq!(error["code"], -32002, "{uri}: {error}");
        assert_eq!(error["data"]["uri"], uri);
        assert!(error["message"].as_str().unwrap().contains(words), "{uri}: {error}");
    }
    let error = read(&world, &caller(), "docent://glide/kite/readme.txt").await.unwrap_err();
    assert_eq!(error["data"]["near"], json!(["README.md"]));
}

/// A private library of another project cannot be told from one that does not exist.
#[actix_web::test]
async fn pages_of_a_private_library_do_not_exist_for_others() {
    let world = World::new();
    let other = principal(other_project(), "docs:read libraries:write");
    assert!(read(&world, &caller(), "docent://acme/anchor/README.md").await.unwrap().contains("launch codes"));
    for rest in ["/README.md", "/nothing.md", "@v1/README.md", ""] {
        let hidden = read(&world, &other, &format!("docent://acme/anchor{rest}")).await.unwrap_err().to_string();
        let missing = read(&world, &other, &format!("docent://acme/anchos{rest}")).await.unwrap_err().to_string();
        assert_eq!(hidden.replace("anchor", "X"), missing.replace("anchos", "X"));
    }
    assert_eq!(complete(&world, &caller(), "libraryId", "anch", None).await, ["/acme/anchor"]);
    for typed in ["", "a", "anch", "/acme/anchor", "/acme/anchor@", "acme"] {
        let values = complete(&world, &other, "libraryId", typed, None).await;
        assert!(values.iter().all(|value| !value.contains("acme")), "{typed}: {values:?}");
    }
    assert_eq!(complete(&world, &caller(), "path", "", Some("/acme/anchor")).await, ["README.md"]);
    assert!(complete(&world, &other, "path", "", Some("/acme/anchor")).await.is_empty());
}

#[actix_web::test]
async fn ids_versions_and_paths_are_completed() {
    let world = World::new();
    let all = ["/acme/anchor", "/glide/kite", "/glide/loft", "/glide/long"];
    for (variable, typed, library, expected) in [
        ("libraryId", "", None, &all[..]),
        ("libraryId", "kit", None, &["/glide/kite"]),
        ("libraryId", "/glide/k", None, &["/glide/kite"]),
        ("+libraryId", "GLIDE", None, &all[1..]),
        ("libraryId", "kyte", None, &["/glide/kite"]),
        ("libraryId", "/glide/loft@", None, &["/glide/loft@release/2"]),
        ("libraryId", "/glide/nothing@", None, &[]),
        ("path", "read", Some("/glide/kite"), &["README.md"]),
        ("path", "", Some("/glide/loft@release/2"), &["README.md"]),
        ("path", "zzz", Some("/glide/kite"), &[]),
        ("path", "read", None, &[]),
        ("path", "read", Some("no id"), &[]),
        ("path", "read", Some("/glide/kite@v9"), &[]),
        ("another", "x", None, &[]),
    ] {
        assert_eq!(complete(&world, &caller(), variable, typed, library).await, expected, "{variable} {typed} {library:?}");
    }
    let unknown = json!({ "ref": { "type": "ref/prompt", "name": "x" }, "argument": { "name": "libraryId", "value": "" } });
    let (legacy, modern) = both(&world, &caller(), "completion/complete", unknown).await;
    assert_eq!((&legacy.json()["error"]["code"], &modern.json()["error"]["code"]), (&json!(-32602), &json!(-32602)));
}

#[actix_web::test]
async fn a_page_that_is_read_is_counted() {
    let world = World::new();
    world.legacy(&caller(), Some("2025-06-18"), "resources/read", json!({ "uri": "docent://glide/kite/README.md" })).await;
    world.legacy(&caller(), Some("2025-06-18"), "resources/read", json!({ "uri": "docent://glide/kite/nothing.md" })).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let counted = world.counted.lock().unwrap();
    let seen: Vec<(&str, bool)> = counted.iter().map(|each| (each.tool.as_str(), each.succeeded)).collect();
    assert_eq!(seen, [("resources/read", true), ("resources/read", false)]);
}
