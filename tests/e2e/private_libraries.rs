//! A private library exists for its project's members, through a grant for that project, and for nobody else.

use anyhow::ensure;
use docent_tests::documents::{LIBRARY, NAME, QUESTION};
use docent_tests::http::Answer;
use docent_tests::mcp::{ERAS, Era, Mcp};
use docent_tests::person::Decision;
use docent_tests::{Installation, OAuthClient, Person, Result};
use serde_json::json;

/// An id that nobody has.
const NOTHING: &str = "/harbour/lighthearts";

struct Stage {
    client: OAuthClient,
    member: Person,
    stranger: Person,
}

async fn stage(installation: &Installation) -> Result<Stage> {
    let member = installation.add_person("member@example.com").await?;
    let stranger = installation.add_person("stranger@example.com").await?;
    installation.run(&["project", "add", "Harbour"]).await?;
    installation.run(&["project", "add", "Airport"]).await?;
    installation.run(&["project", "member", "add", "Harbour", &member.email, "--role", "member"]).await?;
    installation.run(&["project", "member", "add", "Airport", &member.email, "--role", "member"]).await?;
    installation.run(&["project", "member", "add", "Airport", &stranger.email, "--role", "member"]).await?;
    installation.add_library(Some("Harbour")).await?;
    let client = OAuthClient::register(installation, "Privacy").await?;
    // Only what is served already can be hidden.
    let seen = client.connect(&member, Decision::AllowFor("Harbour")).await?;
    Mcp::new(&client.resource, &seen.access_token, Era::Stateless)?.ask_until_served().await?;
    Ok(Stage { client, member, stranger })
}

/// A member is answered through a grant for the project, and not through one for another project of theirs.
async fn a_private_library_is_seen_through_its_own_project_only(installation: &mut Installation) -> Result {
    let Stage { client, member, .. } = stage(installation).await?;
    let seen = client.connect(&member, Decision::AllowFor("Harbour")).await?;
    let answer = Mcp::new(&client.resource, &seen.access_token, Era::Stateless)?.ask_lighthouse().await?;
    ensure!(!answer.is_error && answer.text.contains("rotation_period"), "{answer:?}");
    let other = client.connect(&member, Decision::AllowFor("Airport")).await?;
    let answer = Mcp::new(&client.resource, &other.access_token, Era::Stateless)?.ask_lighthouse().await?;
    ensure!(answer.is_error, "{answer:?}");
    Ok(())
}

/// To everybody else a private library does not exist: each answer is, byte for byte, that about an id that nobody has.
async fn a_private_library_of_others_does_not_exist(installation: &mut Installation) -> Result {
    let Stage { client, member, stranger } = stage(installation).await?;
    for (person, project) in [(&stranger, "Airport"), (&member, "Airport")] {
        let tokens = client.connect(person, Decision::AllowFor(project)).await?;
        for era in ERAS {
            let mcp = Mcp::new(&client.resource, &tokens.access_token, era)?;
            for suffix in ["", "/1.0", "@main"] {
                let ask = |id: &str| json!({"libraryId": format!("{id}{suffix}"), "query": QUESTION});
                let (private, nothing) = (mcp.tool("query-docs", ask(LIBRARY)).await?, mcp.tool("query-docs", ask(NOTHING)).await?);
                ensure!(
                    private.is_error == nothing.is_error && private.text.replace(LIBRARY, NOTHING) == nothing.text,
                    "{era:?}: {private:?}\n{nothing:?}"
                );
            }
            let name = |name: &str| json!({"libraryName": name, "query": QUESTION});
            let (private, nothing) =
                (mcp.tool("resolve-library-id", name(NAME)).await?, mcp.tool("resolve-library-id", name("lighthearts")).await?);
            ensure!(
                !private.text.contains(LIBRARY) && private.text.replace(NAME, "lighthearts") == nothing.text,
                "{era:?}: {private:?}\n{nothing:?}"
            );
        }
    }
    Ok(())
}

/// Nor do the pages know it, for who is not signed in and for who is no member.
async fn the_pages_do_not_know_a_private_library_of_others(installation: &mut Installation) -> Result {
    let Stage { member, stranger, .. } = stage(installation).await?;
    let page = |id: &str| format!("{}/libraries{id}", installation.issuer);
    let nobody = Person::new("nobody@example.com", "", &installation.issuer)?;
    stranger.sign_in().await?;
    for visitor in [&nobody, &stranger] {
        let (_, private) = visitor.open(&page(LIBRARY)).await?;
        let (_, nothing) = visitor.open(&page(NOTHING)).await?;
        ensure!(private.status == 404 && nothing.status == 404, "{} and {}", private.status, nothing.status);
        ensure!(without_id(&private).replace(LIBRARY, NOTHING) == without_id(&nothing), "{}\n{}", private.body, nothing.body);
        let (_, list) = visitor.open(&format!("{}/libraries", installation.issuer)).await?;
        ensure!(list.status == 200 && !list.body.contains(LIBRARY), "{} {}", list.status, list.body);
    }
    member.sign_in().await?;
    let (_, own) = member.open(&page(LIBRARY)).await?;
    ensure!(own.status == 200 && own.body.contains("Lighthouse"), "{} {}", own.status, own.body);
    Ok(())
}

fn without_id(answer: &Answer) -> String {
    let id = answer.header("x-request-id");
    if id.is_empty() { answer.body.clone() } else { answer.body.replace(id, "ID") }
}

/// AS9: who leaves the project loses it at once.
async fn a_removed_member_loses_the_library(installation: &mut Installation) -> Result {
    let Stage { client, member, .. } = stage(installation).await?;
    let tokens = client.connect(&member, Decision::AllowFor("Harbour")).await?;
    installation.run(&["project", "member", "remove", "Harbour", &member.email]).await?;
    ensure!(client.refresh(&tokens.refresh_token).await?.oauth_error()? == "invalid_grant");
    let deadline = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let mcp = Mcp::new(&client.resource, &tokens.access_token, Era::Stateless)?;
    loop {
        if Answer::of(mcp.request("tools/list", json!({}))).await?.status == 401 {
            return Ok(());
        }
        ensure!(std::time::Instant::now() < deadline, "the access token is accepted still");
    }
}

docent_tests::together_and_split!(
    a_private_library_is_seen_through_its_own_project_only,
    a_private_library_of_others_does_not_exist,
    the_pages_do_not_know_a_private_library_of_others,
    a_removed_member_loses_the_library,
);
