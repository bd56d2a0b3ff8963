//! `docker-compose.yml` asks the binary for nothing that it does not have. No container engine is needed to know.

use anyhow::{Context as _, ensure};
use docent_tests::{Result, binary, source_tree};
use std::collections::BTreeSet;
use std::process::Command;
use yaml_rust2::{Yaml, YamlLoader};

fn compose() -> Result<Yaml> {
    let text = std::fs::read_to_string(source_tree::root().join("docker-compose.yml"))?;
    YamlLoader::load_from_str(&text)?.into_iter().next().context("docker-compose.yml is empty")
}

/// The services that run the binary, by name.
fn services(compose: &Yaml) -> Result<Vec<(String, Yaml)>> {
    let services = compose["services"].as_hash().context("no services")?;
    let named = services.iter().filter_map(|(name, service)| Some((name.as_str()?.to_owned(), merged(service))));
    Ok(named.filter(|(name, _)| !["postgres", "valkey"].contains(&name.as_str())).collect())
}

/// A mapping with its merge key (`<<`) applied.
fn merged(yaml: &Yaml) -> Yaml {
    let Some(own) = yaml.as_hash() else { return yaml.clone() };
    let key = Yaml::String("<<".to_owned());
    let mut all = own.get(&key).map(merged).and_then(|base| base.into_hash()).unwrap_or_default();
    all.extend(own.iter().filter(|(name, _)| **name != key).map(|(name, value)| (name.clone(), merged(value))));
    Yaml::Hash(all)
}

fn words(list: &Yaml) -> Vec<String> {
    list.as_vec().into_iter().flatten().filter_map(|word| word.as_str().map(str::to_owned)).collect()
}

fn docent(arguments: &[&str]) -> Result<std::process::Output> {
    Ok(Command::new(binary::docent()?).args(arguments).env_clear().current_dir(std::env::temp_dir()).output()?)
}

#[test]
fn every_command_exists_in_the_binary() -> Result {
    let compose = compose()?;
    let services = services(&compose)?;
    let names: Vec<&str> = services.iter().map(|(name, _)| name.as_str()).collect();
    ensure!(names == ["migrate", "auth", "mcp", "worker"], "services are {names:?}");
    for (name, service) in services {
        let mut commands = vec![words(&service["command"])];
        let check = words(&service["healthcheck"]["test"]);
        if let Some(program) = check.iter().position(|word| word == "docent") {
            commands.push(check[program + 1..].to_vec());
        }
        for command in commands {
            ensure!(!command.is_empty(), "{name} has no command");
            // clap reads the whole line before it prints help, so a word that it does not know is an error.
            let mut line: Vec<&str> = command.iter().map(String::as_str).collect();
            line.push("--help");
            let output = docent(&line)?;
            ensure!(output.status.success(), "{name}: docent {command:?}: {}", String::from_utf8_lossy(&output.stderr));
            let unknown = docent(&[&line[..1], &["--no-such-option"]].concat())?;
            ensure!(!unknown.status.success(), "an unknown option is accepted");
        }
    }
    Ok(())
}

#[test]
fn every_variable_is_a_configuration_key() -> Result {
    let output = docent(&["config", "keys"])?;
    ensure!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout)?;
    let keys: BTreeSet<&str> = text.lines().map(str::trim).collect();
    ensure!(keys.contains("database.url"), "{keys:?}");
    let compose = compose()?;
    for (name, service) in services(&compose)? {
        let variables = service["environment"].as_hash().with_context(|| format!("{name} has no environment"))?;
        for variable in variables.keys().filter_map(|variable| variable.as_str()) {
            let key = variable
                .strip_prefix("DOCENT__")
                .with_context(|| format!("{name}: {variable} is not ours"))?
                .to_lowercase()
                .replace("__", ".");
            ensure!(keys.contains(key.as_str()), "{name}: {variable}: there is no key {key}");
        }
    }
    Ok(())
}

#[test]
fn every_port_is_one_that_is_listened_on() -> Result {
    let compose = compose()?;
    for (name, service) in services(&compose)?.into_iter().filter(|(name, _)| name != "migrate") {
        let command = words(&service["command"]);
        let listen = command
            .iter()
            .position(|word| word == "--listen")
            .and_then(|at| command.get(at + 1))
            .with_context(|| format!("{name} does not say where it listens"))?;
        let port = listen.rsplit(':').next().context("no port")?.to_owned();
        let check = words(&service["healthcheck"]["test"]);
        ensure!(
            check.iter().any(|word| word.ends_with(&format!(":{port}"))),
            "{name} listens on {port}, but is asked for its health elsewhere: {check:?}"
        );
        for published in words(&service["ports"]) {
            ensure!(published.ends_with(&format!(":{port}")), "{name} listens on {port}, but {published} is published");
            ensure!(published.starts_with("127.0.0.1:"), "{name}: {published} is open to everybody, without TLS");
        }
    }
    Ok(())
}

#[test]
fn no_secret_has_a_default() -> Result {
    let text = std::fs::read_to_string(source_tree::root().join("docker-compose.yml"))?;
    let secrets: Vec<&str> = text.lines().filter(|line| line.contains("PASSWORD") || line.contains("MASTER_KEY")).collect();
    ensure!(secrets.len() >= 3, "{secrets:?}");
    for line in secrets {
        ensure!(line.contains(":?run scripts/compose-init"), "{line}");
    }
    Ok(())
}

#[test]
fn compose_init_makes_secrets_that_differ_and_keeps_what_is_there() -> Result {
    let make = || -> Result<(tempfile::TempDir, String)> {
        let folder = tempfile::tempdir()?;
        std::fs::create_dir(folder.path().join("scripts"))?;
        std::fs::copy(source_tree::root().join("scripts/compose-init"), folder.path().join("scripts/compose-init"))?;
        let status = Command::new(folder.path().join("scripts/compose-init")).status()?;
        ensure!(status.success());
        let text = std::fs::read_to_string(folder.path().join(".env"))?;
        Ok((folder, text))
    };
    let ((folder, first), (_other, second)) = (make()?, make()?);
    let value = |text: &str, name: &str| text.lines().find_map(|line| line.strip_prefix(&format!("{name}="))).map(str::to_owned);
    for name in ["DOCENT_DB_PASSWORD", "DOCENT_MASTER_KEY"] {
        let (one, two) = (value(&first, name).context("missing")?, value(&second, name).context("missing")?);
        ensure!(one.len() == 64 && one != two, "{name}: {one}");
    }
    let again = Command::new(folder.path().join("scripts/compose-init")).output()?;
    ensure!(!again.status.success() && std::fs::read_to_string(folder.path().join(".env"))? == first, "an .env that was there is gone");
    Ok(())
}
