//! What the tools say.

use super::fixture::{World, other_project, own_project, principal};
use docent_types::principal::Principal;
use serde_json::{Value, json};
use std::sync::Arc;

fn caller() -> Arc<Principal> {
    principal(own_project(), "docs:read")
}

#[actix_web::test]
async fn a_name_is_resolved_to_a_list_of_libraries() {
    let world = World::new();
    let (text, error) = world.call(&caller(), "resolve-library-id", json!({ "libraryName": "Kite", "query": "set a timeout" })).await;
    assert!(!error);
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines[..2], ["Available Libraries:", ""]);
    assert!(lines[2].starts_with("- Title: Kite"), "{text}");
    assert_eq!(lines[3], "- Context7-compatible library ID: /glide/kite");
    for field in ["- Description: ", "- Code Snippets: ", "- Source Reputation: ", "- Source: "] {
        assert!(lines.iter().any(|line| line.starts_with(field)), "{field}");
    }
}

#[actix_web::test]
async fn a_question_is_answered_with_passages_and_their_sources() {
    let world = World::new();
    for arguments in [
        json!({ "libraryId": "/glide/kite", "query": "How do I set a timeout?" }),
        json!({ "context7CompatibleLibraryID": "/glide/kite", "userQuery": "How do I set a timeout?" }),
        json!({ "libraryID": "/glide/kite", "question": "How do I set a timeout?" }),
        json!({ "libraryName": "glide/kite", "query": "How do I set a timeout?", "tokens": "600" }),
    ] {
        let (text, error) = world.call(&caller(), "query-docs", arguments.clone()).await;
        assert!(!error && text.starts_with("### ") && text.contains("\n\nSource: "), "{arguments}: {text}");
        assert!(text.contains("```rust\n") && text.contains("with_timeout"), "{arguments}: {text}");
        assert!(!text.ends_with('-'));
    }
}

#[actix_web::test]
async fn the_old_name_of_the_tool_still_works() {
    let world = World::new();
    let old = "get-library-docs";
    let (text, error) =
        world.call(&caller(), old, json!({ "context7CompatibleLibraryID": "/glide/kite", "topic": "retries", "tokens": 10_000 })).await;
    assert!(!error && text.contains("with_retries"), "{text}");
    let (text, error) = world.call(&caller(), old, json!({ "libraryID": "/glide/kite" })).await;
    assert!(!error || text.contains("Ask again with other words"), "{text}");
    let (text, error) = world.call(&caller(), old, json!({ "libraryID": "/glide/kite", "topic": "retries", "page": 9 })).await;
    assert!(error && text.contains("no page 9"), "{text}");
}

/// `tokens` bounds an answer under both names of the tool: a small answer is part of a large one.
#[actix_web::test]
async fn an_answer_keeps_to_the_tokens_that_are_asked_for() {
    let world = World::new();
    for (tool, question) in [("query-docs", "query"), ("get-library-docs", "topic")] {
        let mut lengths = Vec::new();
        for tokens in [json!(500), json!("2000"), json!(50_000), Value::Null] {
            let arguments = json!({ "libraryId": "/glide/long", question: "How is a spar glued?", "tokens": tokens });
            let (text, error) = world.call(&caller(), tool, arguments).await;
            assert!(!error, "{text}");
            // Separators stand between the passages that are counted.
            let bound = tokens.as_u64().or_else(|| tokens.as_str()?.parse().ok()).unwrap_or(5_000) * 4;
            assert!(text.len() as u64 <= bound + bound / 8, "{tool} {tokens}: {} characters", text.len());
            lengths.push(text.len());
        }
        assert!(lengths[0] < lengths[3] / 2 && lengths[1] < lengths[3] && lengths[3] < lengths[2], "{tool}: {lengths:?}");
        // Out of bounds is brought to the bound.
        let few = json!({ "libraryId": "/glide/long", question: "How is a spar glued?", "tokens": 1 });
        assert_eq!(world.call(&caller(), tool, few).await.0.len(), lengths[0]);
    }
}

#[actix_web::test]
async fn an_argument_that_is_wrong_is_named_with_what_to_do() {
    let world = World::new();
    let table = [
        ("resolve-library-id", json!({ "query": "x" }), "`libraryName` is missing or empty"),
        ("resolve-library-id", json!({ "libraryName": "kite", "query": " " }), "`query` is missing or empty"),
        ("resolve-library-id", json!({ "libraryName": ["kite"], "query": "x" }), "`libraryName` must be a string, and was an array"),
        ("query-docs", Value::Null, "`libraryId` is missing or empty. Give the id that resolve-library-id gave"),
        ("query-docs", json!({ "libraryId": "/glide/kite" }), "`query` is missing or empty. Ask one question"),
        ("query-docs", json!({ "libraryId": "/glide/kite", "query": 7 }), "`query` must be a string, and was a number"),
        ("query-docs", json!({ "libraryId": "/glide/kite", "userQuery": {} }), "`userQuery` must be a string, and was an object"),
        ("query-docs", json!({ "libraryId": "/glide/kite", "query": "x".repeat(2_001) }), "at most 2000 are read"),
        ("query-docs", json!({ "libraryId": "/glide/kite", "query": "timeout", "tokens": "many" }), "`tokens` must be a number"),
        ("query-docs", json!({ "libraryId": "kite", "query": "timeout" }), "Did you mean /glide/kite?"),
        ("query-docs", json!({ "libraryId": "zzzzqqqq", "query": "timeout" }), "Call resolve-library-id"),
        ("query-docs", json!({ "libraryId": "/glide/kite/v9", "query": "timeout" }), "has no version \"v9\""),
        ("query-docs", json!({ "libraryId": "/glide/kite", "query": "???" }), "question is empty"),
        ("query-docs", json!({ "libraryId": "/glide/kite", "query": "zzzzqqqq" }), "Ask again with other words"),
    ];
    for (tool, arguments, words) in table {
        let (text, error) = world.call(&caller(), tool, arguments.clone()).await;
        assert!(error && text.contains(words), "{tool} {arguments:.120}: {text}");
        assert!(!text.starts_with("###"));
    }
}

#[actix_web::test]
async fn that_nothing_matches_is_an_answer_and_not_a_failure() {
    let world = World::new();
    let (text, error) = world.call(&caller(), "resolve-library-id", json!({ "libraryName": "zzzzqqqq", "query": "x" })).await;
    assert!(!error && text.starts_with("No library matches \"zzzzqqqq\"") && text.contains("do not guess"), "{text}");
}

/// A private library of another project cannot be told from one that does not exist.
#[actix_web::test]
async fn a_private_library_of_another_project_does_not_exist() {
    let world = World::new();
    let other = principal(other_project(), "docs:read libraries:write");
    let question = json!({ "query": "launch codes" });
    let ask = |id: &str| {
        let mut arguments = question.clone();
        arguments["libraryId"] = json!(id);
        arguments
    };
    let (own, error) = world.call(&caller(), "query-docs", ask("/acme/anchor")).await;
    assert!(!error && own.contains("anchor codes"), "{own}");
    for suffix in ["", "/v1", "@main"] {
        let hidden = world.call(&other, "query-docs", ask(&format!("/acme/anchor{suffix}"))).await;
        let missing = world.call(&other, "query-docs", ask(&format!("/acme/anchos{suffix}"))).await;
        assert_eq!((hidden.0.replace("anchor", "X"), hidden.1), (missing.0.replace("anchos", "X"), missing.1));
    }
    for name in ["anchor", "acme", "launch codes"] {
        let (text, _) = world.call(&other, "resolve-library-id", json!({ "libraryName": name, "query": "launch codes" })).await;
        assert!(!text.contains("/acme/anchor"), "{text}");
    }
    let (text, error) = world.call(&other, "query-docs", json!({ "libraryId": "anchor", "query": "launch codes" })).await;
    assert!(error && !text.contains("/acme/"), "{text}");
}

#[actix_web::test]
async fn each_call_is_counted_with_its_outcome() {
    let world = World::new();
    world.call(&caller(), "query-docs", json!({ "libraryId": "/glide/kite", "query": "timeout" })).await;
    world.call(&caller(), "get-library-docs", json!({})).await;
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let counted = world.counted.lock().unwrap();
    let seen: Vec<(&str, bool)> = counted.iter().map(|each| (each.tool.as_str(), each.succeeded)).collect();
    assert_eq!(seen, [("query-docs", true), ("query-docs", false)]);
    assert_eq!((counted[0].project, counted[0].client.as_str()), (own_project(), "c_test"));
}

#[actix_web::test]
async fn an_answer_says_which_version_it_comes_from_if_that_was_not_named() {
    let world = World::new();
    let ask = |id: &str| json!({ "libraryId": id, "query": "How do I set a timeout?" });
    let (plain, _) = world.call(&caller(), "query-docs", ask("/glide/kite")).await;
    let (default, _) = world.call(&caller(), "query-docs", ask("/glide/kite/default")).await;
    assert_eq!(plain, default, "nothing to say");
    let (latest, error) = world.call(&caller(), "query-docs", ask("/glide/kite@latest")).await;
    let (said, rest) = latest.split_once("\n\n").unwrap();
    assert!(!error && said.starts_with("(Version asked for: latest.") && said.ends_with(".)"), "{said}");
    assert_eq!(rest, plain);
    let (text, error) = world.call(&caller(), "query-docs", ask("/glide/kite/^9")).await;
    assert!(error && text.contains("has no version \"^9\""), "{text}");
}
