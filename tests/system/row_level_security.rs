//! Whose rights a guest has: the caller's, with row-level security, in calls and in triggers.

use alyx_tests::{Db, guest};

/// A table of notes of which each role sees only its own, and a trigger that counts what it can see.
fn notes(db: &mut Db) -> (String, String) {
    let (ann, ben) = (db.role("ann"), db.role("ben"));
    db.run(&format!(
        "CREATE TABLE notes (owner text DEFAULT current_user, body text);
         ALTER TABLE notes ENABLE ROW LEVEL SECURITY;
         CREATE POLICY own ON notes USING (owner = current_user) WITH CHECK (owner = current_user);
         INSERT INTO notes VALUES ('{ann}', 'a1'), ('{ann}', 'a2'), ('{ben}', 'b1');
         CREATE TABLE seen (id serial, role text DEFAULT current_user, session text DEFAULT session_user, n bigint);
         CREATE TABLE bell (id int);
         GRANT ALL ON notes, seen, seen_id_seq, bell TO {ann}, {ben}"
    ));
    (ann, ben)
}

const COUNT: &str = "env: {QUERY: '{\"sql\": \"INSERT INTO seen (n) SELECT count(*) FROM notes\"}'}\n";

#[test]
fn through_one_trigger_function_each_role_sees_its_rows() {
    let mut db = Db::new("rls_trigger");
    let (ann, ben) = notes(&mut db);
    let owner = db.deployer("owner");
    db.run(&format!("GRANT ALL ON notes, seen, seen_id_seq TO {owner}"));
    db.session_as(&owner).deploy("count_notes", &guest("configured"), COUNT);
    db.run("CREATE TRIGGER tr AFTER INSERT ON bell FOR EACH ROW EXECUTE FUNCTION count_notes()");
    for (role, count) in [(&ann, 2), (&ben, 1), (&ann, 2)] {
        db.session_as(role).run("INSERT INTO bell VALUES (1)");
        assert_eq!(
            db.value("SELECT role, session, n FROM seen ORDER BY id DESC LIMIT 1"),
            format!("{role}|{role}|{count}")
        );
    }
    // The same session under changing roles: plans and instances must not carry rows over.
    db.run(&format!("ALTER FUNCTION count_notes() OWNER TO {owner}"));
    for (role, count) in [(&ann, 2), (&ben, 1), (&ann, 2), (&ben, 1)] {
        db.run(&format!("SET ROLE {role}; INSERT INTO bell VALUES (1); RESET ROLE"));
        assert_eq!(db.value("SELECT role, n FROM seen ORDER BY id DESC LIMIT 1"), format!("{role}|{count}"));
    }
}

#[test]
fn policies_forbid_writes_too() {
    let mut db = Db::new("rls_write");
    let (ann, ben) = notes(&mut db);
    db.deploy_query();
    db.run("GRANT EXECUTE ON FUNCTION query(jsonb) TO PUBLIC");
    let mut session = db.session_as(&ann);
    let reply =
        session.json(&format!(r#"SELECT query('{{"sql": "INSERT INTO notes VALUES (''{ben}'', ''forged'')"}}')"#));
    assert_eq!(reply["error"]["code"], "42501", "{reply}");
    let reply = session.json(r#"SELECT query('{"sql": "UPDATE notes SET body = ''changed''"}')"#);
    assert_eq!(reply["row_count"], 2, "{reply}");
    let reply = session.json(r#"SELECT query('{"sql": "SELECT * FROM pg_authid"}')"#);
    assert_eq!(reply["error"]["code"], "42501", "{reply}");
    assert_eq!(db.value(&format!("SELECT body FROM notes WHERE owner = '{ben}'")), "b1");
}

#[test]
fn run_as_owner_uses_the_owners_rights() {
    let mut db = Db::new("rls_owner");
    let (ann, _) = notes(&mut db);
    let owner = db.deployer("owner");
    db.run(&format!("GRANT ALL ON notes TO {owner}; INSERT INTO notes VALUES ('{owner}', 'o1')"));
    let mut session = db.session_as(&owner);
    session.deploy("who", &guest("ask"), "run_as: owner\nentrypoint: db_query\n");
    session.run("GRANT EXECUTE ON FUNCTION who(jsonb) TO PUBLIC");
    let mut caller = db.session_as(&ann);
    let reply = caller.json(
        r#"SELECT who('{"sql": "SELECT current_user AS me, session_user AS session, count(*) AS n FROM notes"}')"#,
    );
    assert_eq!(
        (reply["rows"][0]["me"].as_str(), reply["rows"][0]["session"].as_str(), &reply["rows"][0]["n"]),
        (Some(owner.as_str()), Some(ann.as_str()), &1.into()),
        "{reply}"
    );
    assert_eq!(caller.value("SELECT current_user"), ann);
    let reply = caller.json(r#"SELECT who('{"sql": "SELECT nonsense"}')"#);
    assert_eq!(reply["error"]["code"], "42703", "{reply}");
    assert_eq!(caller.value("SELECT current_user"), ann, "after a failed statement");
}

#[test]
fn security_definer_is_honoured() {
    let mut db = Db::new("rls_definer");
    let (ann, _) = notes(&mut db);
    let owner = db.deployer("owner");
    db.session_as(&owner).deploy("ask", &guest("ask"), "");
    db.session_as(&owner).run(
        "CREATE FUNCTION me(jsonb) RETURNS jsonb LANGUAGE wasm SECURITY DEFINER AS 'ask:db_query'; GRANT EXECUTE ON FUNCTION me(jsonb) TO PUBLIC;
         CREATE FUNCTION tuned(jsonb) RETURNS jsonb LANGUAGE wasm SET work_mem = '7MB' AS 'ask:db_query'; GRANT EXECUTE ON FUNCTION tuned(jsonb) TO PUBLIC",
    );
    let mut caller = db.session_as(&ann);
    assert_eq!(caller.json(r#"SELECT me('{"sql": "SELECT current_user AS me"}')"#)["rows"][0]["me"], owner.as_str());
    assert_eq!(caller.value("SELECT current_user"), ann);
    assert_eq!(
        caller.json(r#"SELECT tuned('{"sql": "SELECT current_setting(''work_mem'') AS v"}')"#)["rows"][0]["v"],
        "7MB"
    );
    assert_ne!(caller.value("SHOW work_mem"), "7MB");
}

#[test]
fn a_superuser_lends_its_power_to_no_one() {
    let mut db = Db::new("rls_superuser");
    let owner = db.deployer("owner");
    db.session_as(&owner).deploy("ask", &guest("ask"), "");
    db.session_as(&owner).run("CREATE FUNCTION me(jsonb) RETURNS jsonb LANGUAGE wasm AS 'ask:db_query'");
    let ask = r#"SELECT me('{"sql": "SELECT current_user AS me"}')"#;
    assert_eq!(db.json(ask)["rows"][0]["me"], owner.as_str(), "the guard is on by default");
    let reply = db.json(r#"SELECT me('{"sql": "SELECT rolpassword FROM pg_authid"}')"#);
    assert_eq!(reply["error"]["code"], "42501", "{reply}");
    let reply =
        db.json(r#"SELECT me('{"sql": "SELECT set_config(''alyx_functions.superuser_guard'', ''off'', false)"}')"#);
    assert_eq!(reply["error"]["code"], "42501", "{reply}");
    assert_eq!(db.json(ask)["rows"][0]["me"], owner.as_str());
    db.run("SET alyx_functions.superuser_guard = off");
    assert_eq!(db.json(ask)["rows"][0]["me"], "postgres");
    db.run("RESET alyx_functions.superuser_guard");
    assert_eq!(db.value("SELECT current_user, session_user"), "postgres|postgres");
}

#[test]
fn a_trigger_fired_by_a_superuser_runs_as_its_owner() {
    let mut db = Db::new("rls_superuser_trigger");
    notes(&mut db);
    let owner = db.deployer("owner");
    db.run(&format!("GRANT ALL ON notes, seen, seen_id_seq TO {owner}"));
    db.session_as(&owner).deploy("count_notes", &guest("configured"), COUNT);
    db.run("CREATE TRIGGER tr AFTER INSERT ON bell FOR EACH ROW EXECUTE FUNCTION count_notes(); INSERT INTO bell VALUES (1)");
    assert_eq!(db.value("SELECT role, n FROM seen"), format!("{owner}|0"));
}

#[test]
fn a_superuser_is_not_caught_by_a_deferred_trigger() {
    let mut db = Db::new("rls_deferred");
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    session.deploy("ask", &guest("ask"), "");
    session.run(
        "CREATE FUNCTION query(jsonb) RETURNS jsonb LANGUAGE wasm AS 'ask:db_query';
         CREATE TABLE trap (id int); CREATE TABLE caught (role text);
         CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO caught VALUES (current_user); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON trap DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION spring()",
    );
    // What the owner's guest sets off in a superuser's transaction must not run as the superuser when it ends.
    let _ = db.attempt(r#"SELECT query('{"sql": "INSERT INTO trap VALUES (1)"}')"#);
    assert_eq!(db.rows("SELECT role FROM caught WHERE role = 'postgres'"), [""; 0]);
    db.run(r#"SELECT query('{"sql": "SET search_path = evil, public"}')"#);
    assert!(!db.value("SHOW search_path").contains("evil"), "settings of the guest end with it");
}

#[test]
fn the_event_names_the_callers_role() {
    let mut db = Db::new("rls_event_role");
    let (ann, _) = notes(&mut db);
    db.deploy_recorder();
    db.run(&format!("CREATE TRIGGER tr AFTER INSERT ON bell FOR EACH ROW EXECUTE FUNCTION recorder(); SET ROLE {ann}; INSERT INTO bell VALUES (1); RESET ROLE"));
    assert_eq!(db.value("SELECT event #>> '{auth,role}' FROM events"), ann);
}
