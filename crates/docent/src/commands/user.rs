//! `docent user …`

use crate::command_line::{Identity, User};
use crate::installation::Installation;
use crate::serve::urls;
use actix::SyncArbiter;
use anyhow::{Context as _, bail};
use docent_authorization_server::{PasswordHasher, invite_link, is_email, password_error, set_password_link};
use docent_store::{Acting, NewUser, StoreError};
use docent_types::ids::{ProjectId, UserId};
use docent_types::messages::HashPassword;
use docent_types::secret::Secret;
use std::io::BufRead as _;

/// Runs the command.
///
/// # Errors
/// In words for the operator.
pub async fn run(installation: &Installation, command: User) -> anyhow::Result<()> {
    match command {
        User::Add { email, admin, name, password_stdin } => add(installation, &email, &name, admin, password_stdin).await,
        User::Invite { email } => invite(installation, email.as_deref()).await,
        User::List => list(installation).await,
        User::Disable { email } => set_disabled(installation, &email, true).await,
        User::Enable { email } => set_disabled(installation, &email, false).await,
        User::Link { email } => {
            let user = installation.store.user_by_email(&email).await?.with_context(|| format!("there is no user {email}"))?;
            print_link(installation, user.id, &user.email).await
        }
        User::Identity(command) => identity(installation, command).await,
    }
}

async fn identity(installation: &Installation, command: Identity) -> anyhow::Result<()> {
    match command {
        Identity::Add { email, issuer, subject } => {
            let user = installation.store.user_by_email(&email).await?.with_context(|| format!("there is no user {email}"))?;
            if issuer.is_empty() || subject.is_empty() {
                bail!("--issuer and --subject must not be empty");
            }
            match installation.store.link_identity(&issuer, &subject, user.id, installation.clock.now()).await {
                Err(StoreError::Conflict(_)) => {
                    bail!("the subject {subject} of {issuer} is linked already; docent user identity list shows to whom")
                }
                other => other?,
            }
            println!("{subject} of {issuer} is {} from now on.", user.email);
            if !installation.configuration.auth.trusted_issuers.iter().any(|trusted| trusted.issuer == issuer) {
                println!("Note: {issuer} is not among auth.trusted_issuers in this configuration.");
            }
        }
        Identity::List => {
            let rows: Vec<Vec<String>> = installation
                .store
                .identities()
                .await?
                .into_iter()
                .map(|linked| vec![linked.email, linked.issuer, linked.subject, linked.created_at.to_string()])
                .collect();
            super::print_table(&["ACCOUNT", "ISSUER", "SUBJECT", "LINKED"], &rows);
        }
        Identity::Remove { issuer, subject } => {
            let user = installation.store.unlink_identity(&issuer, &subject).await?;
            let user = user.with_context(|| format!("the subject {subject} of {issuer} is not linked"))?;
            super::project::revoke(installation, docent_types::messages::Revoke::User(user)).await?;
            println!("{subject} of {issuer} is nobody here any more; what clients were given for the account is revoked.");
        }
    }
    Ok(())
}

async fn add(installation: &Installation, email: &str, name: &str, admin: bool, password_stdin: bool) -> anyhow::Result<()> {
    if !is_email(email) {
        bail!("\"{email}\" is not an e-mail address");
    }
    let password_hash = if password_stdin {
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).context("cannot read the password from standard input")?;
        let password = Secret::new(line.trim_end_matches(['\r', '\n']).to_owned());
        let problem = password_error(Some(password.expose()));
        if !problem.is_empty() {
            bail!("{problem}");
        }
        let randomness = installation.randomness.clone();
        let hasher = SyncArbiter::start(1, move || PasswordHasher::new(randomness.clone()));
        Some(hasher.send(HashPassword(password)).await??)
    } else {
        None
    };
    let now = installation.clock.now();
    let needs_link = password_hash.is_none();
    let user = NewUser {
        id: UserId::generate(now, &*installation.randomness),
        email: email.to_owned(),
        name: name.to_owned(),
        password_hash,
        is_admin: admin,
        now,
        project: ProjectId::generate(now, &*installation.randomness),
    };
    let user = match installation.store.create_user(user).await {
        Err(StoreError::Conflict(_)) => bail!("there is a user {email} already"),
        other => other?,
    };
    println!("Added {}{}.", user.email, if user.is_admin { ", who may administer this Docent" } else { "" });
    if needs_link { print_link(installation, user.id, &user.email).await } else { Ok(()) }
}

async fn print_link(installation: &Installation, user: UserId, email: &str) -> anyhow::Result<()> {
    let urls = urls::for_commands(&installation.configuration)?;
    let link = set_password_link(&installation.store, &urls, &*installation.clock, &*installation.randomness, user).await?;
    println!("{email} sets a password with this link, once, within 3 days:\n  {link}");
    Ok(())
}

async fn invite(installation: &Installation, email: Option<&str>) -> anyhow::Result<()> {
    if let Some(email) = email.filter(|email| !is_email(email)) {
        bail!("\"{email}\" is not an e-mail address");
    }
    let urls = urls::for_commands(&installation.configuration)?;
    let link = invite_link(&installation.store, &urls, &*installation.clock, &*installation.randomness, email).await?;
    println!("{} makes an account with this link, once, within 7 days:\n  {link}", email.unwrap_or("Whoever has it"));
    Ok(())
}

async fn list(installation: &Installation) -> anyhow::Result<()> {
    let users = installation.store.users().await?;
    if users.is_empty() {
        println!("There are no users yet. Add one with: docent user add EMAIL --admin");
        return Ok(());
    }
    let rows: Vec<Vec<String>> = users
        .into_iter()
        .map(|user| {
            let state = match (user.disabled_at.is_some(), user.password_hash.is_some()) {
                (true, _) => "disabled",
                (false, true) => "active",
                (false, false) => "no password yet",
            };
            vec![user.email, user.name, if user.is_admin { "yes" } else { "no" }.to_owned(), state.to_owned(), user.created_at.to_string()]
        })
        .collect();
    super::print_table(&["EMAIL", "NAME", "ADMIN", "STATE", "ADDED"], &rows);
    Ok(())
}

async fn set_disabled(installation: &Installation, email: &str, disabled: bool) -> anyhow::Result<()> {
    let user = installation.store.user_by_email(email).await?.with_context(|| format!("there is no user {email}"))?;
    let now = installation.clock.now();
    installation.store.set_user_disabled(user.id, disabled, &Acting::command(now)).await?;
    if disabled {
        super::project::revoke(installation, docent_types::messages::Revoke::User(user.id)).await?;
        println!("Disabled {}. Sessions are ended and tokens are revoked.", user.email);
    } else {
        println!("Enabled {}. Clients have to be connected again.", user.email);
    }
    Ok(())
}
