//! `docent project …`

use crate::command_line::{Member, MemberRole, Project};
use crate::installation::Installation;
use actix::prelude::*;
use anyhow::{Context as _, bail};
use docent_store::actors::Ledger;
use docent_store::{Acting, Role, StoreError};
use docent_types::ids::ProjectId;
use docent_types::messages::{Revoke, RevokeAccess};

/// Runs the command.
///
/// # Errors
/// In words for the operator.
pub async fn run(installation: &Installation, command: Project) -> anyhow::Result<()> {
    match command {
        Project::Add { name } => add(installation, name.trim()).await,
        Project::List => list(installation).await,
        Project::Member(Member::Add { project, email, role }) => add_member(installation, &project, &email, role).await,
        Project::Member(Member::Remove { project, email }) => remove_member(installation, &project, &email).await,
    }
}

async fn add(installation: &Installation, name: &str) -> anyhow::Result<()> {
    if name.is_empty() || name.chars().count() > 100 {
        bail!("a project's name has 1 to 100 characters");
    }
    let now = installation.clock.now();
    match installation.store.add_project(ProjectId::generate(now, &*installation.randomness), name, &Acting::command(now)).await {
        Err(StoreError::Conflict(_)) => bail!("there is a project \"{name}\" already"),
        other => other?,
    };
    println!("Added the project \"{name}\". Add its people with: docent project member add \"{name}\" EMAIL");
    Ok(())
}

async fn list(installation: &Installation) -> anyhow::Result<()> {
    let projects = installation.store.projects().await?;
    let rows: Vec<Vec<String>> = projects
        .into_iter()
        .map(|(project, members)| {
            let kind = if project.personal_of.is_some() { "personal" } else { "shared" };
            vec![project.name, kind.to_owned(), members.to_string(), project.id.to_string()]
        })
        .collect();
    super::print_table(&["NAME", "KIND", "MEMBERS", "ID"], &rows);
    Ok(())
}

async fn add_member(installation: &Installation, project: &str, email: &str, role: MemberRole) -> anyhow::Result<()> {
    let (project, user) = both(installation, project, email).await?;
    let role = match role {
        MemberRole::Owner => Role::Owner,
        MemberRole::Admin => Role::Admin,
        MemberRole::Member => Role::Member,
    };
    installation.store.put_member(project.id, &user, role, &Acting::command(installation.clock.now())).await?;
    println!("{} is in the project \"{}\" now.", user.email, project.name);
    Ok(())
}

async fn remove_member(installation: &Installation, project: &str, email: &str) -> anyhow::Result<()> {
    let (project, user) = both(installation, project, email).await?;
    if !installation.store.take_out_member(project.id, &user, &Acting::command(installation.clock.now())).await? {
        bail!("{} is not in the project \"{}\"", user.email, project.name);
    }
    revoke(installation, Revoke::Membership(user.id, project.id)).await?;
    println!("{} is not in the project \"{}\" any more; what they allowed for it is revoked.", user.email, project.name);
    Ok(())
}

async fn both(installation: &Installation, project: &str, email: &str) -> anyhow::Result<(docent_store::Project, docent_store::User)> {
    let found = installation
        .store
        .project_by_name(project)
        .await?
        .with_context(|| format!("there is no project \"{project}\"; docent project list shows them"))?;
    let user = installation.store.user_by_email(email).await?.with_context(|| format!("there is no user {email}"))?;
    if found.personal_of.is_some() {
        bail!("\"{project}\" is somebody's own project; add a shared one with: docent project add NAME");
    }
    Ok((found, user))
}

/// Revokes through a ledger of this process; a running server sees it within its next turn.
pub(crate) async fn revoke(installation: &Installation, what: Revoke) -> anyhow::Result<u64> {
    let ledger = Ledger::new(installation.store.clone(), None, installation.clock.clone()).start();
    let answer = ledger.send(RevokeAccess { what, reason: "administrator", now: installation.clock.now() }).await?;
    Ok(answer?)
}
