//! A secret belongs to the role that set it first: nobody else changes it, gives it away or learns of it.

use crate::house::{Lines, deploy_script, grant, house, read, refused, set_secret};
use alyx_tests::literal;

#[test]
fn setting_takes_usage_on_the_language() {
    let mut db = house("ownership_usage");
    let nobody = db.role("nobody");
    let mut session = db.session_as(&nobody);
    session.refused("SELECT fn_set_secret('KEY', 'open sesame')", "42501");
    db.run(&format!("GRANT USAGE ON LANGUAGE wasm TO {nobody}"));
    set_secret(&mut session, "KEY", "open sesame");
    assert_eq!(session.value("SELECT owner FROM alyx.secrets"), nobody);
}

#[test]
fn somebody_else_changes_nothing() {
    let mut db = house("ownership_stranger");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    grant(&mut session, "KEY", "vault");
    let mut intruder = db.session_as(&stranger);
    deploy_script(&mut intruder, "thief", "secrets: [KEY]");
    for statement in [
        "SELECT fn_set_secret('KEY', 'another value')",
        "SELECT fn_set_secret('KEY', NULL)",
        "SELECT fn_grant_secret('KEY', 'thief')",
        "SELECT fn_grant_secret('KEY', 'not_deployed')",
        "SELECT fn_revoke_secret('KEY', 'vault')",
    ] {
        intruder.refused(statement, "42501");
        // Nor with a guest's help, when a superuser calls.
        let refusal = db.json(&Lines::new().query(statement, &[]).by("thief"));
        assert_eq!(refusal[0]["error"]["code"], "42501", "{statement}: {refusal}");
    }
    assert_eq!(refused(&mut intruder, "thief", "KEY"), "42501");
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("open sesame"));
    assert_eq!(session.rows("SELECT key, owner, granted_to FROM alyx.secrets"), [format!("KEY|{owner}|{{vault}}")]);
}

#[test]
fn members_of_the_owner_and_superusers_may() {
    let mut db = house("ownership_member");
    let owner = db.deployer("owner");
    let member = db.deployer("member");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    db.run(&format!("ALTER ROLE {member} INHERIT; GRANT {owner} TO {member}"));
    let mut other = db.session_as(&member);
    set_secret(&mut other, "KEY", "set by a member");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    grant(&mut other, "KEY", "vault");
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("set by a member"));
    set_secret(&mut db, "KEY", "set by the superuser");
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("set by the superuser"));
    assert_eq!(session.value("SELECT owner FROM alyx.secrets"), owner, "it stays its owner's");
    // One that has left the role may no more.
    db.run(&format!("REVOKE {owner} FROM {member}"));
    other.refused("SELECT fn_set_secret('KEY', 'once more')", "42501");
}

#[test]
fn the_view_shows_own_secrets_and_never_a_value() {
    let mut db = house("ownership_view");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    grant(&mut session, "KEY", "first");
    grant(&mut session, "KEY", "second");
    grant(&mut session, "KEY", "second");
    assert_eq!(
        session.rows("SELECT key, owner, (SELECT string_agg(g, ' ' ORDER BY g) FROM unnest(granted_to) g), updated_at BETWEEN now() - '1min'::interval AND now() FROM alyx.secrets"),
        [format!("KEY|{owner}|first second|t")]
    );
    session.run("SELECT fn_revoke_secret('KEY', 'second'), fn_revoke_secret('KEY', 'never_granted')");
    assert_eq!(session.value("SELECT granted_to FROM alyx.secrets"), "{first}");
    let columns = "SELECT string_agg(attname, ' ' ORDER BY attnum) FROM pg_attribute
                    WHERE attrelid = 'alyx.secrets'::regclass AND attnum > 0";
    assert_eq!(db.value(columns), "key owner granted_to updated_at");
    let mut other = db.session_as(&stranger);
    assert_eq!(other.rows("SELECT * FROM alyx.secrets"), [""; 0]);
    other.run("CREATE FUNCTION public.spy(t text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'saw %', t; END $$");
    assert_eq!(other.rows("SELECT 1 FROM alyx.secrets s WHERE public.spy(s::text)"), [""; 0]);
}

#[test]
fn the_tables_below_are_closed() {
    let mut db = house("ownership_tables");
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    for table in ["alyx._secret", "alyx._secret_grant"] {
        for statement in [
            format!("SELECT * FROM {table}"),
            format!("DELETE FROM {table}"),
            format!(
                "CREATE TRIGGER t BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION suppress_redundant_updates_trigger()"
            ),
            format!("COPY {table} TO STDOUT"),
        ] {
            session.refused(&statement, "42501");
        }
    }
    // What lies below fn_* asks for itself.
    let private = db.rows(
        "SELECT p.oid::regprocedure::text, p.pronargs FROM pg_proc p
          WHERE p.pronamespace = 'alyx'::regnamespace AND p.proname LIKE '%secret%' ORDER BY 1",
    );
    let stranger = db.role("stranger");
    let mut intruder = db.session_as(&stranger);
    for function in &private {
        let (name, _) = function.split_once('(').expect("a signature");
        for arguments in ["'KEY', 'stolen value'", "'KEY', NULL", "'KEY', 'thief'", "'KEY'", ""] {
            let refusal = intruder.refusal(&format!("SELECT {name}({arguments})"));
            assert!(["42501", "42883"].contains(&refusal.code.as_str()), "{name}({arguments}): {refusal}");
        }
    }
}

#[test]
fn a_renamed_owner_stays_the_owner() {
    let mut db = house("ownership_rename");
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    grant(&mut session, "KEY", "vault");
    let renamed = format!("{owner}_renamed");
    db.run(&format!("ALTER ROLE {owner} RENAME TO {renamed}"));
    assert_eq!(read(&mut session, "vault", "KEY").as_deref(), Some("open sesame"));
    set_secret(&mut session, "KEY", "and another");
    assert_eq!(db.value("SELECT owner FROM alyx.secrets"), renamed);
    db.run(&format!("ALTER ROLE {renamed} RENAME TO {owner}"));
}

#[test]
fn a_dropped_owners_secret_falls_to_nobody() {
    let mut db = house("ownership_dropped");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "vault", "secrets: [KEY]");
    grant(&mut session, "KEY", "vault");
    drop(session);
    db.run(&format!("DROP OWNED BY {owner}; DROP ROLE {owner}"));
    // A new role of the old name is another one, and so is everybody else.
    db.run(&format!("CREATE ROLE {owner} LOGIN; GRANT USAGE ON LANGUAGE wasm TO {owner}; GRANT CREATE, USAGE ON SCHEMA public TO {owner}"));
    for role in [&owner, &stranger] {
        let mut intruder = db.session_as(role);
        intruder.refused("SELECT fn_set_secret('KEY', 'another value')", "42501");
        intruder.refused("SELECT fn_grant_secret('KEY', 'thief')", "42501");
        assert_eq!(intruder.rows("SELECT key FROM alyx.secrets"), [""; 0]);
    }
    // The superuser sees it and can take it away.
    assert_eq!(db.value("SELECT key FROM alyx.secrets"), "KEY");
    db.run("SELECT fn_set_secret('KEY', NULL)");
    let mut heir = db.session_as(&stranger);
    set_secret(&mut heir, "KEY", "of the stranger");
    assert_eq!(heir.value("SELECT owner, granted_to FROM alyx.secrets"), format!("{stranger}|{{}}"));
}

#[test]
fn a_guest_reaches_no_secret_by_sql() {
    let mut db = house("ownership_guest_sql");
    let owner = db.deployer("owner");
    let mut session = db.session_as(&owner);
    set_secret(&mut session, "KEY", "open sesame");
    deploy_script(&mut session, "thief", "run_as: owner");
    for sql in ["SELECT * FROM alyx._secret", "SELECT * FROM alyx._secret_grant", "TABLE alyx._kv"] {
        let replies = session.json(&Lines::new().query(sql, &[]).by("thief"));
        assert_eq!(replies[0]["error"]["code"], "42501", "{sql}: {replies}");
    }
    let seen = session.value(&Lines::new().query("SELECT s::text AS v FROM alyx.secrets s", &[]).by("thief"));
    assert!(seen.contains("KEY") && !seen.contains("sesame"), "{}", literal(&seen));
}

#[test]
fn a_grant_in_an_open_transaction_holds_up_nobodys_deploy() {
    let mut db = house("ownership_locks");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    let mut session = db.session_as(&owner);
    deploy_script(&mut session, "vault", "");
    let mut intruder = db.session_as(&stranger);
    set_secret(&mut intruder, "BAIT", "open sesame");
    intruder.run("BEGIN; SELECT fn_grant_secret('BAIT', 'vault'); SELECT fn_revoke_secret('BAIT', 'vault')");
    session.run("SET lock_timeout = '2s'");
    deploy_script(&mut session, "vault", "description: deployed again");
    session.run("SELECT fn_drop('vault')");
    intruder.run("ROLLBACK");
}
