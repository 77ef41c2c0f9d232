//! Compiled code is a cache, also of another engine: what a backup or an update brings along is used or built again.

use crate::house::{must, shell};
use alyx_tests::{Cluster, Db, guest, run_as_server_user};
use std::path::PathBuf;

/// A server with two functions whose compiled modules are in its folder.
fn compiled(label: &str) -> (Cluster, Db, PathBuf) {
    let cluster = Cluster::start(label);
    let mut db = Db::on(cluster.server().clone(), label);
    db.deploy("echo", &guest("echo"), "");
    db.run("CREATE FUNCTION twice(n int) RETURNS int LANGUAGE javascript AS $$ return 2 * n $$");
    works(&mut db);
    let folder = cluster.server().data.join("alyx_functions");
    (cluster, db, folder)
}

#[track_caller]
fn works(session: &mut alyx_tests::Session) {
    assert_eq!(session.value("SELECT echo('7'), twice(21)"), "7|42");
}

fn no_crash(cluster: &Cluster) {
    let (log, _) = cluster.server().log_since(0);
    for word in ["terminated by signal", "PANIC:", "panicked at"] {
        assert!(!log.contains(word), "{log}");
    }
}

#[test]
fn those_of_another_engine_are_left_alone_and_made_again() {
    let (cluster, db, folder) = compiled("backup_engine");
    // Names end in a number that stands for version, settings and processor of the engine.
    let rename = "cd \"$1\"; rm -f *.lock; for f in *; do mv \"$f\" \"${f%-*}-0123456789abcdef\"; done; ls | sort";
    let old = shell(rename, &[&folder]);
    assert!(old.lines().count() >= 2, "{old}");
    works(&mut db.session());
    let list = shell("cd \"$1\"; ls | grep -v lock | sort", &[&folder]);
    // What is linked from source has its engine's module too, which only linking needs.
    assert!(
        list.lines().filter(|name| !name.ends_with("0123456789abcdef")).count() >= 2,
        "new ones beside them:\n{list}"
    );
    assert_eq!(list.lines().filter(|name| name.ends_with("0123456789abcdef")).count(), old.lines().count());
    // Code of the other engine under this one's names: what is in a file must fit its name.
    let swap = "cd \"$1\"; for f in *-0123456789abcdef; do for g in \"${f%-*}\"-*; do case \"$g\" in *.lock|*cdef) ;; *) printf '%s' \"$g \"; head -c 64 /dev/urandom > \"$g.new\"; tail -c +65 \"$f\" >> \"$g.new\"; chmod 600 \"$g.new\"; mv \"$g.new\" \"$g\";; esac; done; done";
    let swapped = shell(swap, &[&folder]);
    assert!(swapped.split_whitespace().count() >= 2, "{swapped}");
    let numbers = || shell("cd \"$1\"; ls -i | grep -v -e lock -e cdef", &[&folder]);
    let before = numbers();
    works(&mut db.session());
    assert_ne!(numbers(), before, "built again, not used");
    no_crash(&cluster);
    drop(db);
}

#[test]
fn whatever_lies_in_the_folder_harms_nobody() {
    let (cluster, db, folder) = compiled("backup_garbage");
    let plant = "cd \"$1\"; for f in *; do case \"$f\" in *.lock) rm -f \"$f\"; mkdir \"$f\";; *) rm -f \"$f\"; case $((n = n + 1)) in 1) mkdir \"$f\";; 2) mkfifo -m 600 \"$f\";; 3) ln -s /dev/zero \"$f\";; *) head -c 100000 /dev/urandom > \"$f\"; chmod 600 \"$f\";; esac;; esac; done; touch 'a name with spaces' \"$(head -c 200 /dev/zero | tr '\\0' x)\"; mkdir sub";
    shell(plant, &[&folder]);
    works(&mut db.session());
    let mut session = db.session();
    session.deploy("echo", &guest("echo"), "env: {A: b}\n");
    works(&mut session);
    no_crash(&cluster);
    drop(db);
}

#[test]
fn a_folder_that_is_missing_or_cannot_be_written_costs_time_only() {
    let (cluster, mut db, folder) = compiled("backup_folder_away");
    db.leave();
    cluster.stop("fast");
    shell("rm -rf \"$1\"", &[&folder]);
    cluster.begin();
    let mut session = db.session();
    works(&mut session);
    assert!(!shell("ls \"$1\"", &[&folder]).is_empty(), "made again");
    // Read-only with what is needed in it, then without.
    shell("chmod 500 \"$1\"", &[&folder]);
    works(&mut db.session());
    shell("chmod 700 \"$1\"; rm -f \"$1\"/*; chmod 500 \"$1\"", &[&folder]);
    works(&mut db.session());
    assert_eq!(shell("ls \"$1\"", &[&folder]), "");
    let mut session = db.session();
    assert_eq!(session.deploy("late", &guest("echo"), "env: {A: c}\n").version, 1);
    assert_eq!(session.value("SELECT late('8')"), "8");
    shell("chmod 700 \"$1\"", &[&folder]);
    no_crash(&cluster);
    drop(db);
}

#[test]
fn a_base_backup_takes_them_along_in_tar_files_too() {
    let (cluster, mut db, folder) = compiled("backup_tar_base");
    // A tar header holds 100 bytes of a path; pg_basebackup ends at a longer one.
    let count = shell("ls \"$1\" | grep -c -v lock", &[&folder]);
    let target = std::env::temp_dir().join(format!("alyx-backup-tar-base-{}", std::process::id()));
    let server = cluster.server();
    let mut copy = run_as_server_user(&server.bin.join("pg_basebackup"));
    copy.args(["--username=postgres", "--port=5432", "--format=tar", "--checkpoint=fast", "--no-sync"]);
    must(copy.arg("--host").arg(&server.host).arg("-D").arg(&target));
    let list =
        shell("tar -tf \"$1/base.tar\" | grep '^./alyx_functions/.\\|^alyx_functions/.' | grep -v lock", &[&target]);
    assert_eq!(list.lines().count().to_string(), count, "{list}");
    assert!(list.lines().all(|name| name.len() < 90), "{list}");
    db.leave();
    let restored = Cluster::filled("backup_tar_restored", &[], |_, data| {
        shell(
            "mkdir -m 700 \"$2\"; tar -xf \"$1/base.tar\" -C \"$2\"; tar -xf \"$1/pg_wal.tar\" -C \"$2/pg_wal\"",
            &[&target, data],
        );
    });
    shell("rm -rf \"$1\"", &[&target]);
    let data = &restored.server().data;
    let numbers = || shell("ls -i \"$1/alyx_functions\" | grep -v lock", &[data]);
    let before = numbers();
    works(&mut restored.server().session(db.name()));
    assert_eq!(numbers(), before, "used as they came");
    drop(db);
}
