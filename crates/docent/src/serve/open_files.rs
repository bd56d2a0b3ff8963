//! How many connections and files the process may have open.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// As many as connections are taken, and enough for indexes.
const ENOUGH: u64 = 65_536;

/// Raises the limit as far as a process may without asking: systems begin with 1,024, which so many idle connections use up.
pub fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let wanted = limit.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH));
    if limit.current.is_some_and(|current| current < wanted)
        && let Err(error) = setrlimit(Resource::Nofile, Rlimit { current: Some(wanted), maximum: limit.maximum })
    {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_limit_of_open_files_is_raised_as_far_as_it_may() {
        let limit = getrlimit(Resource::Nofile);
        setrlimit(Resource::Nofile, Rlimit { current: Some(200), maximum: limit.maximum }).unwrap();
        raise_limit();
        let raised = getrlimit(Resource::Nofile).current.unwrap();
        assert_eq!(raised, limit.maximum.map_or(ENOUGH, |maximum| maximum.min(ENOUGH)));
    }
}
