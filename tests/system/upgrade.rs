//! Installations of older releases: they work under this library before they are updated, and are updated to what a new
//! one is.

use alyx_tests::{Db, Server, guest};
use std::collections::BTreeSet;

/// Released versions, each with an update path to this one.
fn released(db: &mut Db) -> Vec<String> {
    let versions = db.rows(
        "SELECT v.version FROM pg_available_extension_versions v JOIN pg_available_extensions e ON e.name = v.name
          WHERE v.name = 'alyx_functions' AND v.version <> e.default_version ORDER BY 1",
    );
    assert_eq!(versions, ["0.1.0"], "each release keeps its script in sql/");
    versions
}

/// The extension's objects with all that belongs to them, as pg_upgrade would make them anew; without their OIDs.
fn objects(db: &Db) -> BTreeSet<String> {
    let mut dump = db.server().client_program("pg_dump", db.name());
    let dump = dump.args(["--schema-only", "--binary-upgrade"]).output().expect("pg_dump runs");
    assert!(dump.status.success(), "{}", String::from_utf8_lossy(&dump.stderr));
    let text = String::from_utf8(dump.stdout).expect("it is UTF-8");
    // The extension's own line has its version and the OIDs of its tables; statements are parted by empty lines.
    let is_ours = |part: &&str| part.contains("alyx") || part.contains("fn_");
    let lines = |part: &str| {
        let of_pg_upgrade = ["--", "UPDATE pg_catalog.pg_class", "SET relfrozenxid", "WHERE oid = "];
        let kept = part.lines().filter(|line| {
            !line.contains("binary_upgrade_") && !of_pg_upgrade.iter().any(|begin| line.starts_with(begin))
        });
        kept.collect::<Vec<_>>().join("\n").trim().to_owned()
    };
    text.split("\n\n").filter(is_ours).map(lines).filter(|part| !part.is_empty()).collect()
}

#[test]
fn an_updated_installation_is_what_a_new_one_is() {
    let mut new = Db::new("upgrade_new");
    let wanted = objects(&new);
    assert!(wanted.len() > 100, "{} objects", wanted.len());
    for version in released(&mut new) {
        let mut old = Db::empty(Server::shared(), &format!("upgrade_{}", version.replace('.', "_")));
        old.run(&format!("CREATE EXTENSION alyx_functions VERSION '{version}'; ALTER EXTENSION alyx_functions UPDATE"));
        let found = objects(&old);
        let (missing, stale): (Vec<_>, Vec<_>) =
            (wanted.difference(&found).collect(), found.difference(&wanted).collect());
        assert!(missing.is_empty() && stale.is_empty(), "{version}: missing {missing:#?}\nstale {stale:#?}");
        let dumped = |db: &mut Db| {
            db.rows(
                "SELECT c.oid::regclass::text, k.condition FROM pg_extension e, unnest(e.extconfig, e.extcondition) k(oid, condition)
                   JOIN pg_class c ON c.oid = k.oid WHERE e.extname = 'alyx_functions' ORDER BY 1",
            )
        };
        assert_eq!(dumped(&mut old), dumped(&mut new), "{version}: tables whose rows are dumped");
    }
}

#[test]
fn an_old_installation_works_before_and_after_it_is_updated() {
    let mut look = Db::new("upgrade_versions");
    for version in released(&mut look) {
        let mut db = Db::empty(Server::shared(), &format!("upgrade_life_{}", version.replace('.', "_")));
        db.run(&format!("CREATE EXTENSION alyx_functions VERSION '{version}'"));
        db.deploy("echo", &guest("echo"), "env: {A: b}\n");
        db.run("CREATE FUNCTION twice(n int) RETURNS int LANGUAGE javascript AS 'return 2 * n'");
        db.run("SELECT fn_set_secret('TOKEN', 'a secret of some length')");
        assert_eq!(db.value("SELECT echo('1')"), "1");
        assert_eq!(db.value("SELECT twice(21)"), "42");
        db.run("ALTER EXTENSION alyx_functions UPDATE");
        assert_eq!(db.value("SELECT echo('2')"), "2");
        assert_eq!(db.value("SELECT twice(22)"), "44");
        assert_eq!(db.deploy("echo", &guest("echo"), "env: {A: c}\n").version, 2);
        assert_eq!(db.value("SELECT fn_rollback('echo')"), "1");
        assert_eq!(db.value("SELECT state FROM fn_doctor() WHERE item = 'version'"), "ok");
        assert_eq!(db.rows("SELECT key FROM alyx.secrets"), ["TOKEN"]);
    }
}
