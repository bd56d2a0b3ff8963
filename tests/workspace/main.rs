//! What the repository promises about itself.

mod attack_catalogue;
mod compose;
mod dependencies;
mod rule_table;
mod rules;
