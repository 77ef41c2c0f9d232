//! The committed seeds, and the inputs that once broke something, through their targets: a plain test, without libFuzzer.

use std::fs;
use std::path::Path;

use alyx_fuzz::TARGETS;

/// All seeds together; they are samples, not a corpus.
const MAX_BYTES: usize = 200 << 10;

#[test]
fn every_seed_runs_through_its_target() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds");
    let mut bytes = 0;
    for (name, run) in TARGETS {
        let mut seeds: Vec<_> =
            fs::read_dir(folder.join(name)).expect(name).map(|entry| entry.expect(name).path()).collect();
        seeds.sort();
        assert!(!seeds.is_empty(), "{name} has no seed");
        for seed in seeds {
            let data = fs::read(&seed).expect("a seed");
            bytes += data.len();
            // Shown with the failure, if there is one.
            println!("{}", seed.display());
            run(&data);
        }
    }
    assert!(bytes <= MAX_BYTES, "{bytes} bytes of seeds");
}
