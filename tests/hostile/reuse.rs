//! Instances that are kept: what one role's calls leave in them is never seen by another role, however the role came about.

use alyx_tests::{Db, Session, guest};

/// Everything that a kept instance keeps: memory, global, table, variable. Pages it has just grown by are new each time.
const EVERYTHING: &str = "\"mgtv\"";
const NOTHING: &str = "\"\"";

const KINDS: [&str; 2] = ["session", "transaction"];

/// A database with the roles ann and ben, and `hoard` of a deployer bob; everybody may call it.
struct Hoard {
    db: Db,
    ann: String,
    ben: String,
    bob: String,
}

impl Hoard {
    fn new(test: &str, manifest: &str) -> Hoard {
        let mut db = Db::new(test);
        let (ann, ben, bob) = (db.role("ann"), db.role("ben"), db.deployer("bob"));
        let mut owner = db.session_as(&bob);
        owner.deploy("hoard", &guest("hoard"), manifest);
        owner.run("GRANT EXECUTE ON FUNCTION hoard(jsonb) TO PUBLIC");
        Hoard { db, ann, ben, bob }
    }
}

/// What a call finds and what the one after it finds.
fn twice(session: &mut Session) -> [String; 2] {
    [session.value("SELECT hoard('{}')"), session.value("SELECT hoard('{}')")]
}

#[test]
fn what_is_kept_is_kept_for_one_role() {
    for kind in KINDS {
        let Hoard { mut db, ann, ben, .. } = Hoard::new("hostile_kept", &format!("instances: {kind}\n"));
        let member = db.role("member");
        db.run(&format!("GRANT {ann}, {ben} TO {member}"));
        let mut session = db.session_as(&member);
        session.run("BEGIN");
        for role in [&ann, &ben, &ann, &member] {
            session.run(&format!("SET ROLE {role}"));
            assert_eq!(twice(&mut session), [NOTHING, EVERYTHING], "{kind}: {role} after another role");
        }
    }
}

#[test]
fn another_session_authorization_is_another_role() {
    for kind in KINDS {
        let Hoard { mut db, ann, ben, .. } = Hoard::new("hostile_authorization", &format!("instances: {kind}\n"));
        db.run("BEGIN");
        for role in [&ann, &ben, &ann] {
            db.run(&format!("SET SESSION AUTHORIZATION {role}"));
            assert_eq!(twice(&mut db), [NOTHING, EVERYTHING], "{kind}: {role}");
            db.run("RESET SESSION AUTHORIZATION");
            assert_eq!(twice(&mut db), [NOTHING, EVERYTHING], "{kind}: a superuser after {role}");
        }
    }
}

#[test]
fn definers_and_callers_do_not_share() {
    for kind in KINDS {
        let Hoard { mut db, ann, ben, .. } = Hoard::new("hostile_definers", &format!("instances: {kind}\n"));
        for role in [&ann, &ben] {
            db.run(&format!(
                "CREATE FUNCTION of_{role}() RETURNS text LANGUAGE plpgsql SECURITY DEFINER AS
                     $$ BEGIN RETURN public.hoard('{{}}')::text; END $$;
                 ALTER FUNCTION of_{role}() OWNER TO {role}; GRANT EXECUTE ON FUNCTION of_{role}() TO PUBLIC"
            ));
        }
        let mut session = db.session_as(&ann);
        session.run("BEGIN");
        assert_eq!(twice(&mut session), [NOTHING, EVERYTHING], "{kind}");
        assert_eq!(session.value(&format!("SELECT of_{ben}()")), NOTHING, "{kind}: ben's function after ann's calls");
        assert_eq!(session.value("SELECT hoard('{}')"), NOTHING, "{kind}: ann after ben's function");
        assert_eq!(session.value(&format!("SELECT of_{ben}()")), NOTHING, "{kind}: ben's function again");
    }
}

#[test]
fn callers_of_an_owners_function_do_not_share() {
    for kind in KINDS {
        let manifest = format!("instances: {kind}\nrun_as: owner\n");
        let Hoard { mut db, ann, ben, bob } = Hoard::new("hostile_run_as_owner", &manifest);
        let member = db.role("member");
        db.run(&format!("GRANT {ann}, {ben}, {bob} TO {member}"));
        let mut session = db.session_as(&member);
        session.run("BEGIN");
        for role in [&ann, &bob, &ben] {
            session.run(&format!("SET ROLE {role}"));
            assert_eq!(twice(&mut session), [NOTHING, EVERYTHING], "{kind}: {role}");
        }
    }
}

#[test]
fn a_nested_call_as_another_role_does_not_share() {
    for kind in KINDS {
        let Hoard { db, ann, bob, .. } = Hoard::new("hostile_nested_reuse", &format!("instances: {kind}\n"));
        let mut owner = db.session_as(&bob);
        owner.deploy("outer_call", &guest("ask"), "entrypoint: fn_invoke\nrun_as: owner\n");
        owner.run("GRANT EXECUTE ON FUNCTION outer_call(jsonb) TO PUBLIC");
        let mut session = db.session_as(&ann);
        session.run("BEGIN");
        let nested = r#"SELECT outer_call('{"name": "hoard"}') ->> 'result'"#;
        assert_eq!(twice(&mut session), [NOTHING, EVERYTHING], "{kind}");
        assert_eq!(session.value(nested), "", "{kind}: bob below ann");
        assert_eq!(session.value("SELECT hoard('{}')"), NOTHING, "{kind}: ann after bob");
        assert_eq!(session.value(nested), "", "{kind}: bob again");
    }
}

#[test]
fn the_same_module_under_another_name_does_not_share() {
    for kind in KINDS {
        let Hoard { mut db, ann, .. } = Hoard::new("hostile_same_module", &format!("instances: {kind}\n"));
        let mallory = db.deployer("mallory");
        let mut owner = db.session_as(&mallory);
        owner.deploy("copy", &guest("hoard"), &format!("instances: {kind}\n"));
        owner.run("GRANT EXECUTE ON FUNCTION copy(jsonb) TO PUBLIC");
        let mut session = db.session_as(&ann);
        session.run("BEGIN");
        assert_eq!(twice(&mut session), [NOTHING, EVERYTHING], "{kind}");
        assert_eq!(session.value("SELECT copy('{}')"), NOTHING, "{kind}");
    }
}

#[test]
fn pooled_memory_of_one_guest_is_not_read_by_the_next() {
    let Hoard { mut db, ann, ben, .. } = Hoard::new("hostile_pool", "");
    let mallory = db.deployer("mallory");
    let mut owner = db.session_as(&mallory);
    owner.deploy("copy", &guest("hoard"), "");
    owner.run("GRANT EXECUTE ON FUNCTION copy(jsonb) TO PUBLIC");
    for _ in 0..20 {
        for role in [&ann, &ben] {
            db.run(&format!("SET ROLE {role}"));
            assert_eq!(twice(&mut db), [NOTHING, NOTHING]);
            assert_eq!(db.value("SELECT copy('{}')"), NOTHING);
            db.run("RESET ROLE");
        }
    }
}
