//! Where a secret lies it lies encrypted: in tables, files and dumps.

use crate::forms::{base64, hex};
use crate::house::{Alone, Lines, deploy_script, grant, house, read, set_secret};
use alyx_tests::{Db, Session, run_as_server_user};
use std::path::Path;

const VALUE: &str = "Wq8Rk3Xv0Zp5Lm2Tn7Yb";

/// Every relation whose rows this session may read, as text; the others it is refused.
fn everything_readable(session: &mut Session) -> String {
    let relations = session.rows(
        "SELECT c.oid::regclass FROM pg_class c
          WHERE c.relkind IN ('r', 'v', 'm', 'p', 't', 'S') AND c.relname NOT LIKE 'pg\\_%\\_temp%' ORDER BY 1",
    );
    let mut all = String::new();
    for relation in relations {
        if let Ok(rows) = session.attempt(&format!("SELECT t::text FROM {relation} t")) {
            all.extend(rows.iter().map(|row| format!("{relation}: {row}\n")));
        }
    }
    assert!(all.contains("pg_class"), "the catalog was read");
    all
}

#[track_caller]
fn assert_unseen(what: &str, text: &str) {
    for form in [VALUE.to_owned(), hex(VALUE.as_bytes()), base64(VALUE.as_bytes(), false)] {
        if let Some(line) = text.lines().find(|line| line.contains(&form)) {
            panic!("{what} shows the secret as {form}: {line}");
        }
    }
}

/// A secret `KEY` of a role, with a function that has read it.
fn kept(db: &mut Db) -> String {
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    // Its session ends here: pg_stat_activity shows a role its own statements.
    set_secret(&mut session, "KEY", VALUE);
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    grant(&mut session, "KEY", "vault");
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some(VALUE));
    owner
}

#[test]
fn no_table_or_view_shows_it_to_anybody() {
    let mut db = house("at_rest_sql");
    let owner = kept(&mut db);
    let stranger = db.role("stranger");
    for role in [owner.as_str(), &stranger, "postgres"] {
        let mut session = db.session_as(role);
        let all = everything_readable(&mut session);
        assert_unseen(&format!("what {role} may read"), &all);
        assert_eq!(all.contains("alyx._secret:"), role == "postgres", "{role}");
    }
    // Nor does any function of ours that takes nothing, or a name.
    let functions = db.rows(
        "SELECT p.oid::regproc FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
           JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'alyx_functions'
          WHERE p.prokind = 'f' AND p.proname NOT LIKE '%rotate%' AND p.prorettype <> 'language_handler'::regtype",
    );
    for role in [owner.as_str(), "postgres"] {
        let mut session = db.session_as(role);
        for function in &functions {
            for arguments in ["", "'KEY'", "'vault'", "'vault', '{}'", "'KEY', 'vault'"] {
                let result = session.attempt(&format!("BEGIN; SELECT {function}({arguments})"));
                assert_unseen(&format!("{function}({arguments}) as {role}"), &format!("{result:?}"));
                session.run("ROLLBACK");
            }
        }
    }
}

#[test]
fn no_file_of_the_server_holds_it() {
    let mut house = Alone::new("at_rest_files", &["wal_level=logical", "alyx_functions.max_workers=4"]);
    kept(&mut house);
    set_secret(&mut house, "KEY", &format!("{VALUE}, changed"));
    house.run("CREATE TABLE control AS SELECT 'Gg4Hh5' || 'Jj6Kk7' AS v; SELECT pg_switch_wal(); CHECKPOINT");
    let data = house.server().data.clone();
    assert!(!found(&data, "Gg4Hh5Jj6Kk7").is_empty(), "the search finds what is there");
    let url = base64(VALUE.as_bytes(), true);
    for form in [VALUE.to_owned(), hex(VALUE.as_bytes()), base64(VALUE.as_bytes(), false), url] {
        assert_eq!(found(&data, &form), "", "files with {form}");
    }
    house.cluster().stop("fast");
    assert_eq!(found(&data, VALUE), "");
    house.cluster().begin();
    assert_eq!(read(&mut house.session(), "vault", "KEY"), Some(format!("{VALUE}, changed")));
}

/// Names of the files below `folder` that contain `text`.
fn found(folder: &Path, text: &str) -> String {
    let mut grep = run_as_server_user(Path::new("grep"));
    let output = grep.args(["-r", "-l", "-a", "-F", "-e", text]).arg(folder).output().expect("grep runs");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

fn dump(db: &Db) -> Vec<u8> {
    let output = db.server().client_program("pg_dump", db.name()).output().expect("pg_dump runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}

fn restore(db: &Db, dump: &[u8]) {
    let file = std::env::temp_dir().join(format!("{}.sql", db.name()));
    std::fs::write(&file, dump).expect("the dump is written");
    let mut psql = db.server().client_program("psql", db.name());
    let output = psql.args(["-X", "-q", "-v", "ON_ERROR_STOP=1", "-f"]).arg(&file).output().expect("psql runs");
    let _ = std::fs::remove_file(&file);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_dump_carries_it_encrypted() {
    let mut db = house("at_rest_dump");
    let owner = kept(&mut db);
    grant(&mut db, "KEY", "later");
    let dump = dump(&db);
    let text = String::from_utf8_lossy(&dump);
    assert!(text.contains("COPY alyx._secret "), "the secrets are in the dump");
    assert_unseen("the dump", &text);
    let mut copied = Db::empty(db.server().clone(), "at_rest_restored");
    restore(&copied, &dump);
    let secrets = "SELECT key, owner, (SELECT array_agg(g ORDER BY g) FROM unnest(granted_to) g) FROM alyx.secrets";
    assert_eq!(copied.rows(secrets), db.rows(secrets));
    let mut session = copied.session_as(&owner);
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some(VALUE));
    // Life goes on, and the two databases are two.
    set_secret(&mut session, "KEY", "changed in the copy");
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("changed in the copy"));
    assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some(VALUE));
    copied.run("SELECT fn_rotate_secret_key()");
    assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some(VALUE));
    drop(session);
    drop(copied);
}

#[test]
fn a_dump_of_before_a_rotation_is_read() {
    let mut db = house("at_rest_old_dump");
    let owner = kept(&mut db);
    let before = dump(&db);
    db.run("SELECT fn_rotate_secret_key()");
    db.run("SELECT fn_rotate_secret_key()");
    let copied = Db::empty(db.server().clone(), "at_rest_old_copy");
    restore(&copied, &before);
    assert_eq!(read(&mut copied.session_as(&owner), "vault", "KEY").as_deref(), Some(VALUE));
    drop(copied);
}

/// The one column of the table that holds ciphertext.
fn ciphertext_column(db: &mut Db) -> String {
    db.value("SELECT attname FROM pg_attribute WHERE attrelid = 'alyx._secret'::regclass AND attnum > 0 AND atttypid = 'bytea'::regtype AND NOT attisdropped")
}

#[test]
fn equal_values_do_not_look_equal() {
    let mut db = house("at_rest_nonce");
    let column = ciphertext_column(&mut db);
    for key in ["A", "B", "C"] {
        set_secret(&mut db, key, VALUE);
    }
    let first = db.rows(&format!("SELECT {column} FROM alyx._secret ORDER BY key"));
    set_secret(&mut db, "A", VALUE);
    let again = db.value(&format!("SELECT {column} FROM alyx._secret WHERE key = 'A'"));
    let mut all = first;
    all.push(again);
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4, "{all:?}");
    // No part of two is alike, but for what names key and form.
    let tails: Vec<&str> = all.iter().map(|text| &text[text.len() - 32..]).collect();
    assert!(tails.windows(2).all(|pair| pair[0] != pair[1]), "{tails:?}");
}

#[test]
fn a_ciphertext_in_the_wrong_place_is_refused() {
    let mut db = house("at_rest_swapped");
    let column = ciphertext_column(&mut db);
    deploy_script(&mut db, "vault", "secrets: [A, B]");
    for (key, value) in [("A", "value of A"), ("B", "value of B")] {
        set_secret(&mut db, key, value);
        grant(&mut db, key, "vault");
    }
    let before = db.rows(&format!("SELECT {column} FROM alyx._secret ORDER BY key"));
    db.run(&format!("UPDATE alyx._secret s SET {column} = (SELECT {column} FROM alyx._secret o WHERE o.key <> s.key)"));
    assert_ne!(before, db.rows(&format!("SELECT {column} FROM alyx._secret ORDER BY key")));
    for key in ["A", "B"] {
        refused_as_damaged(&mut db.session(), key);
    }
    // A row that is renamed does not carry its value along either.
    set_secret(&mut db, "A", "value of A");
    db.run("DELETE FROM alyx._secret WHERE key = 'B'; UPDATE alyx._secret SET key = 'B' WHERE key = 'A'");
    let reply = answer(&mut db.session(), "B");
    assert!(!reply.contains("value of"), "{reply}");
}

#[test]
fn a_damaged_ciphertext_is_refused() {
    let mut db = house("at_rest_damaged");
    let column = ciphertext_column(&mut db);
    deploy_script(&mut db, "vault", "secrets: [KEY]");
    for damage in [
        format!("set_byte({column}, 0, get_byte({column}, 0) # 1)"),
        format!("set_byte({column}, octet_length({column}) / 2, get_byte({column}, octet_length({column}) / 2) # 1)"),
        format!("set_byte({column}, octet_length({column}) - 1, get_byte({column}, octet_length({column}) - 1) # 128)"),
        format!("substr({column}, 1, octet_length({column}) - 1)"),
        format!("substr({column}, 2)"),
        format!("{column} || '\\x00'"),
        "'\\x'".to_owned(),
        "'\\x01'".to_owned(),
        format!("'\\x{}'", "00".repeat(64)),
        format!("'\\x{}'", "ff".repeat(64)),
    ] {
        set_secret(&mut db, "KEY", VALUE);
        grant(&mut db, "KEY", "vault");
        assert_eq!(read(&mut db, "vault", "KEY").as_deref(), Some(VALUE));
        // Constraints of the table may refuse it, too.
        if db.attempt(&format!("UPDATE alyx._secret SET {column} = {damage}")).is_ok() {
            refused_as_damaged(&mut db.session(), "KEY");
        }
    }
    // It can be set anew, and dropped.
    set_secret(&mut db, "KEY", VALUE);
    assert_eq!(read(&mut db.session(), "vault", "KEY").as_deref(), Some(VALUE));
}

/// Reply or error to a question for `key`.
fn answer(session: &mut Session, key: &str) -> String {
    match session.attempt(&Lines::new().env(key).by("vault")) {
        Ok(rows) => rows.join(""),
        Err(refusal) => format!("\"error\" {refusal}"),
    }
}

#[track_caller]
fn refused_as_damaged(session: &mut Session, key: &str) {
    let reply = answer(session, key);
    assert!(reply.contains("error") && !reply.contains("value of") && !reply.contains(VALUE), "{reply}");
    assert!(reply.contains("55000"), "{reply}");
    assert_eq!(session.value("SELECT 1"), "1");
}
