//! Every target on its seeds, and on what comes of them by cutting and swapping bytes.

use docent_fuzz::TARGETS;
use std::fs;
use std::path::Path;

#[test]
fn no_seed_makes_a_target_panic() {
    for (name, target) in TARGETS {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(name);
        let seeds: Vec<Vec<u8>> = fs::read_dir(&folder).unwrap().map(|entry| fs::read(entry.unwrap().path()).unwrap()).collect();
        assert!(!seeds.is_empty(), "{} has no seeds", folder.display());
        for seed in &seeds {
            target(seed);
            for at in 0..seed.len().min(2_000) {
                target(&seed[..at]);
                target(&seed[at..]);
                let mut changed = seed.clone();
                for byte in [0, b'%', b'"', b'@', 0xff, changed[at] ^ 0x20] {
                    changed[at] = byte;
                    target(&changed);
                }
            }
        }
    }
}
