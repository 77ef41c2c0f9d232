//! Compiled modules on disk: found, refused, rebuilt.

use crate::support::{Double, Folder, limits, wasm};
use alyx_runtime::{Error, Holdings, Module, Policy, Runtime, Settings, Sha256, Verified};
use std::fs;
use std::os::unix::fs::{MetadataExt as _, PermissionsExt as _, symlink};
use std::path::PathBuf;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

const TEXT: &str = r#"(func (export "one") (result i32) i32.const 1)"#;

fn runtime(folder: &Folder) -> Runtime<Double> {
    Runtime::new(&Settings { cache_dir: Some(folder.0.clone()), ..Settings::default() }).unwrap()
}

/// Loads in a new runtime, as a new process would; says whether the wasm was asked for.
fn load(folder: &Folder) -> (Rc<Module<Double>>, bool) {
    let wasm = wasm(TEXT);
    let mut asked = false;
    let module = runtime(folder).load(&Sha256::of(&wasm), || {
        asked = true;
        Ok::<_, Error>(wasm)
    });
    let module = module.unwrap();
    let mut instance = module.instantiate(Double::default(), &limits()).unwrap();
    let one = instance.function("one").unwrap();
    assert_eq!(instance.call_scalar(one, &[]), Ok(1));
    (module, asked)
}

fn entry(folder: &Folder) -> PathBuf {
    let mut files: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_none());
    assert_eq!(files.len(), 1);
    files.remove(0)
}

#[test]
fn a_built_module_is_found_by_others() {
    let folder = Folder::new();
    let runtime = runtime(&folder);
    let checked = runtime.check(&wasm(TEXT), &Policy::default()).unwrap();
    runtime.build(&checked).unwrap();
    runtime.build(&checked).unwrap();
    assert!(!load(&folder).1);
    assert_eq!(fs::metadata(&folder.0).unwrap().mode() & 0o777, 0o700);
    assert_eq!(fs::metadata(entry(&folder)).unwrap().mode() & 0o777, 0o600);
    runtime.forget(&checked.sha256);
    assert!(load(&folder).1);
    assert!(!load(&folder).1);
}

#[test]
fn what_another_process_has_verified_is_verified_again_once_it_changes() {
    static WORDS: [AtomicU64; 4] = [const { AtomicU64::new(0) }; 4];
    let known = || WORDS.iter().filter(|word| word.load(Ordering::Relaxed) != 0).count();
    let folder = Folder::new();
    let load = || {
        let settings =
            Settings { cache_dir: Some(folder.0.clone()), verified: Some(Verified(&WORDS)), ..Settings::default() };
        let runtime = Runtime::<Double>::new(&settings).unwrap();
        let mut asked = false;
        let module = runtime.load(&Sha256::of(&wasm(TEXT)), || {
            asked = true;
            Ok::<_, Error>(wasm(TEXT))
        });
        module.unwrap();
        asked
    };
    assert!(load());
    assert!(!load());
    assert_eq!(known(), 0, "a file that has just been written could be written again within one tick");
    std::thread::sleep(Duration::from_millis(3_100));
    assert!(!load());
    assert_eq!(known(), 1);
    assert!(!load());
    let path = entry(&folder);
    let times = fs::metadata(&path).unwrap().modified().unwrap();
    let mut bytes = fs::read(&path).unwrap();
    bytes[1000] ^= 1;
    fs::write(&path, &bytes).unwrap();
    fs::File::options().write(true).open(&path).unwrap().set_modified(times).unwrap();
    assert!(load(), "the change shows, whatever time it is given");
    assert!(!load());
}

#[test]
fn a_module_stays_loaded() {
    let folder = Folder::new();
    let runtime = runtime(&folder);
    let wasm = wasm(TEXT);
    let sha256 = Sha256::of(&wasm);
    let first = runtime.load(&sha256, || Ok::<_, Error>(wasm)).unwrap();
    let second = runtime.load::<Error>(&sha256, || panic!("not asked for")).unwrap();
    assert!(Rc::ptr_eq(&first, &second));
}

#[test]
fn any_changed_byte_is_noticed() {
    let folder = Folder::new();
    load(&folder);
    let path = entry(&folder);
    let whole = fs::read(&path).unwrap();
    let places = [0, 100, whole.len() / 2, whole.len() - 1, whole.len() - 20, whole.len() - 50, whole.len() - 60];
    for at in places {
        let mut damaged = whole.clone();
        damaged[at] ^= 1;
        fs::write(&path, damaged).unwrap();
        assert!(load(&folder).1, "byte {at}");
        assert!(!load(&folder).1);
    }
    for length in [0, 10, whole.len() - 1] {
        fs::write(&path, &whole[..length]).unwrap();
        assert!(load(&folder).1, "length {length}");
        assert!(!load(&folder).1);
    }
}

#[test]
fn an_entry_of_another_name_is_not_taken() {
    let folder = Folder::new();
    load(&folder);
    let path = entry(&folder);
    let runtime = runtime(&folder);
    let other = runtime.check(&wasm(r#"(func (export "two") (result i32) i32.const 2)"#), &Policy::default()).unwrap();
    runtime.build(&other).unwrap();
    let name = path
        .file_name()
        .unwrap()
        .to_str()
        .unwrap()
        .replace(&Sha256::of(&wasm(TEXT)).to_string()[..32], &other.sha256.to_string()[..32]);
    fs::copy(folder.0.join(name), &path).unwrap();
    assert!(load(&folder).1);
}

#[test]
fn entries_that_others_could_have_written_are_not_taken() {
    let folder = Folder::new();
    load(&folder);
    let path = entry(&folder);
    for mode in [0o620, 0o602, 0o666] {
        fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
        assert!(load(&folder).1, "mode {mode:o}");
        assert!(!load(&folder).1);
    }
    let elsewhere = Folder::new();
    fs::rename(&path, &elsewhere.0).unwrap();
    symlink(&elsewhere.0, &path).unwrap();
    assert!(load(&folder).1);
    assert!(!fs::symlink_metadata(&path).unwrap().is_symlink());
    fs::remove_file(&elsewhere.0).unwrap();
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    assert!(load(&folder).1);
}

#[test]
fn a_pipe_in_the_place_of_an_entry_does_not_block() {
    let folder = Folder::new();
    load(&folder);
    let path = entry(&folder);
    fs::remove_file(&path).unwrap();
    assert!(std::process::Command::new("mkfifo").arg(&path).status().unwrap().success());
    assert!(load(&folder).1);
}

#[test]
fn an_unsafe_or_unusable_folder_means_compiling_in_memory() {
    let folder = Folder::new();
    load(&folder);
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o777)).unwrap();
    assert!(load(&folder).1);
    let runtime = runtime(&folder);
    let checked = runtime.check(&wasm(TEXT), &Policy::default()).unwrap();
    let refused = runtime.build(&checked).unwrap_err();
    assert!(matches!(&refused, Error::Cache(reason) if reason.contains("others can write it")), "{refused}");
    // What was compiled is not lost.
    assert!(runtime.load::<Error>(&checked.sha256, || panic!("not asked for")).is_ok());
    fs::set_permissions(&folder.0, fs::Permissions::from_mode(0o700)).unwrap();

    let file = Folder::new();
    fs::write(&file.0, "no folder").unwrap();
    assert!(load(&file).1);
    fs::remove_file(&file.0).unwrap();
}

#[test]
fn no_folder_at_all_works() {
    let wasm = wasm(TEXT);
    let runtime = crate::support::runtime();
    let checked = runtime.check(&wasm, &Policy::default()).unwrap();
    runtime.build(&checked).unwrap();
    assert!(runtime.load::<Error>(&checked.sha256, || panic!("not asked for")).is_ok());
}

#[test]
fn bytes_that_are_not_the_module_are_refused() {
    let refused = crate::support::runtime().load(&Sha256::of(b"other"), || Ok::<_, Error>(wasm(TEXT)));
    assert!(matches!(refused.map(|_| ()), Err(Error::Invalid { .. })));
    let failed = crate::support::runtime().load(&Sha256::of(b"other"), || Err(Error::Internal("no row".into())));
    assert_eq!(failed.map(|_| ()).unwrap_err(), Error::Internal("no row".into()));
}

#[test]
fn builders_take_turns_and_nothing_is_left_behind() {
    let folder = Folder::new();
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| load(&folder).1);
        }
    });
    assert!(!load(&folder).1);
    assert!(fs::read_dir(&folder.0).unwrap().all(|file| file.unwrap().path().extension().is_none_or(|e| e != "tmp")));
}

#[test]
fn a_builder_that_never_ends_does_not_stop_others_for_ever() {
    let folder = Folder::new();
    load(&folder);
    let path = entry(&folder);
    fs::remove_file(&path).unwrap();
    let lock = fs::File::open(path.with_extension("lock")).unwrap();
    lock.lock().unwrap();
    let started = std::time::Instant::now();
    assert!(load(&folder).1);
    assert!(started.elapsed() < std::time::Duration::from_secs(6));
}

#[test]
fn names_are_short_enough_for_a_base_backup() {
    let folder = Folder::new();
    load(&folder);
    let longest = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().file_name().len()).max().unwrap();
    assert!("alyx_functions/".len() + longest < 100, "{longest}");
}

#[test]
fn what_was_used_longest_ago_makes_room() {
    let folder = Folder::new();
    let text = |n: u8| format!(r#"(func (export "one") (result i32) i32.const {n})"#);
    let build = |most: u64, n: u8| {
        let settings = Settings { cache_dir: Some(folder.0.clone()), cache_bytes: most, ..Settings::default() };
        let runtime = Runtime::<Double>::new(&settings).unwrap();
        let checked = runtime.check(&wasm(&text(n)), &Policy::default()).unwrap();
        runtime.build(&checked).unwrap();
    };
    let file = |n: u8| {
        let prefix = Sha256::of(&wasm(&text(n))).to_string().chars().take(32).collect::<String>();
        let mut files = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().path());
        files.find(|path| path.extension().is_none() && path.to_str().unwrap().contains(&prefix))
    };
    let used = |n: u8, days_ago: u64| {
        let time = SystemTime::now() - Duration::from_secs(days_ago * 24 * 3600);
        let entry = fs::File::open(file(n).unwrap()).unwrap();
        entry.set_times(fs::FileTimes::new().set_accessed(time)).unwrap();
    };
    let forget_the_last_sweep = || fs::remove_file(folder.0.join("last.sweep")).unwrap();
    (0..4).for_each(|n| build(u64::MAX, n));
    let each = fs::metadata(file(0).unwrap()).unwrap().len();
    assert_eq!(alyx_runtime::holdings(&folder.0).unwrap(), Holdings { files: 4, bytes: 4 * each });
    [(0, 5), (1, 9), (2, 7), (3, 9)].into_iter().for_each(|(n, days)| used(n, days));
    // Using it is noted, once a day.
    build(u64::MAX, 3);
    let accessed = fs::metadata(file(3).unwrap()).unwrap().accessed().unwrap();
    assert!(accessed.elapsed().unwrap() < Duration::from_secs(60));

    build(3 * each, 4);
    assert!((0..5).all(|n| file(n).is_some()), "the folder was looked through a moment ago");
    forget_the_last_sweep();
    // What is not ours is neither counted nor touched.
    let foreign = ["backup", "0123456789abcdef0123456789abcdef", "dump.sql"].map(|name| folder.0.join(name));
    foreign.iter().for_each(|path| fs::write(path, vec![0; 1 << 20]).unwrap());
    build(3 * each, 5);
    foreign.iter().for_each(|path| fs::remove_file(path).unwrap());
    let left: Vec<u8> = (0..6).filter(|n| file(*n).is_some()).collect();
    assert_eq!(left, [3, 4, 5]);
    assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 3 + 3 + 1, "entries, their locks, the time of the sweep");
    // What goes is built again; what does not fit at all is kept, or nothing could run.
    forget_the_last_sweep();
    build(1, 0);
    let left: Vec<u8> = (0..6).filter(|n| file(*n).is_some()).collect();
    assert_eq!(left, [0]);
}
