//! What the repository promises about itself.

mod compose;
mod dependencies;
mod rule_table;
mod rules;
