//! The binary: command line, configuration, and composition of roles.
//!
//! - [`command_line`], [`configuration`], [`logging`]: what was asked for.
//! - [`installation`]: the data folder, the database, the master key.
//! - [`actors`]: `Catalog` and `Ingestor`, which join the database and the library.
//! - [`serve`]: roles in one process; [`commands`]: everything else.

mod actors;
mod command_line;
mod commands;
mod configuration;
mod embedding;
mod installation;
mod logging;
mod progress;
mod serve;

use clap::Parser as _;
use command_line::{Command, CommandLine, Config, LogFormat, Model, Serve};
use installation::Installation;
use std::process::ExitCode;

/// `docent … | head`: whoever reads what is printed may be gone. That ends a command, and is no fault of it.
fn end_with_the_reader() {
    let usual = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        let said = panic.payload().downcast_ref::<String>();
        if said.is_some_and(|said| said.starts_with("failed printing to stdout") && said.contains("Broken pipe")) {
            // As a shell names the end by SIGPIPE.
            std::process::exit(141);
        }
        usual(panic);
    }));
}

fn main() -> ExitCode {
    let command_line = CommandLine::parse();
    if !matches!(command_line.command, None | Some(Command::Serve(_))) {
        end_with_the_reader();
    }
    // It needs no installation, and says by its exit code what it found.
    if let Some(Command::Doctor(options)) = &command_line.command {
        return actix::System::new().block_on(commands::doctor::run(options));
    }
    match actix::System::new().block_on(run(command_line)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("docent: {error:#}");
            ExitCode::FAILURE
        }
    }
}

async fn run(mut command_line: CommandLine) -> anyhow::Result<()> {
    let command = command_line.command.take().unwrap_or(Command::Serve(Serve::default()));
    if let Command::Healthcheck { url } = &command {
        return commands::healthcheck(url);
    }
    match &command {
        Command::Model(Model::Install { path, tokenizer }) => {
            return commands::model::install_from(&command_line.data, path, tokenizer.as_deref());
        }
        Command::Eval(what) => return commands::eval::run(what),
        _ => {}
    }
    let (configuration, effective) = installation::read_configuration(&command_line)?;
    match &command {
        Command::Config(Config::Show) => {
            commands::show_configuration(&effective);
            return Ok(());
        }
        Command::Config(Config::Keys) => {
            configuration::KEYS.iter().for_each(|key| println!("{}", key.name));
            return Ok(());
        }
        _ => {}
    }
    let format = command_line.log_format.unwrap_or(match configuration.log.format {
        configuration::LogFormat::Json => LogFormat::Json,
        configuration::LogFormat::Auto | configuration::LogFormat::Human => LogFormat::Human,
    });
    let level = match command {
        Command::Serve(_) => configuration.log.level.clone(),
        // A command's own output is what its user reads.
        _ => "warn".to_owned(),
    };
    logging::start(format, &level);
    let installation = Installation::open(&command_line, (configuration, effective)).await?;
    match command {
        Command::Serve(options) => serve::run(&installation, &options).await,
        Command::User(command) => commands::user::run(&installation, command).await,
        Command::Project(command) => commands::project::run(&installation, command).await,
        Command::Key(command) => commands::key::run(&installation, command).await,
        Command::Usage(command) => commands::record::usage(&installation, command).await,
        Command::Audit(command) => commands::record::audit(&installation, command).await,
        Command::Client(command) => commands::client::run(&installation, command).await,
        Command::Library(command) => commands::library::run(&installation, command).await,
        Command::Model(command) => commands::model::run(&installation, command).await,
        Command::Migrate => {
            println!("The database is up to date.");
            Ok(())
        }
        Command::Config(_) | Command::Healthcheck { .. } | Command::Doctor(_) | Command::Eval(_) => Ok(()),
    }
}
