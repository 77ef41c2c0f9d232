//! Who may deploy, bind, call and look: nothing is granted to PUBLIC that can spend server resources.

use alyx_tests::{Db, guest};

#[test]
fn deploying_needs_usage_on_the_language() {
    let mut db = Db::new("privileges_usage");
    let role = db.role("nobody");
    db.run(&format!("GRANT CREATE, USAGE ON SCHEMA public TO {role}"));
    let mut session = db.session_as(&role);
    session.deploy_refused("echo", &guest("echo"), "", "42501");
    db.run(&format!("GRANT USAGE ON LANGUAGE wasm TO {role}"));
    session.deploy("echo", &guest("echo"), "");
    assert_eq!(session.value("SELECT echo('1')"), "1");
    assert_eq!(db.value("SELECT DISTINCT pg_get_userbyid(proowner) FROM pg_proc WHERE proname = 'echo'"), role);
}

#[test]
fn deploying_needs_create_on_the_schema() {
    let mut db = Db::new("privileges_schema");
    let role = db.role("deployer");
    db.run(&format!("GRANT USAGE ON LANGUAGE wasm TO {role}; CREATE SCHEMA closed"));
    db.session_as(&role).deploy_refused("echo", &guest("echo"), "schema: closed\n", "42501");
    assert_eq!(db.value("SELECT count(*) FROM alyx.functions"), "0");
}

#[test]
fn only_the_owner_may_change_a_function() {
    let mut db = Db::new("privileges_owner");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    let mut owner_session = db.session_as(&owner);
    owner_session.deploy("echo", &guest("echo"), "");
    owner_session.deploy("echo", &guest("echo"), "timeout: 5s\n");
    let mut session = db.session_as(&stranger);
    session.deploy_refused("echo", &guest("silent"), "", "42501");
    for statement in [
        "SELECT fn_rollback('echo')",
        "SELECT fn_rollback('echo', 1)",
        "SELECT fn_drop('echo')",
        "SELECT fn_drop('echo', true)",
        "SELECT fn_set_env('echo', 'A', 'b')",
        "CREATE FUNCTION mine(text) RETURNS text LANGUAGE wasm AS 'echo'",
        "CREATE FUNCTION mine() RETURNS trigger LANGUAGE wasm AS 'echo:handler'",
    ] {
        session.refused(statement, "42501");
    }
    assert_eq!(owner_session.value("SELECT echo('1')"), "1");
    db.run(&format!("ALTER ROLE {stranger} INHERIT; GRANT {owner} TO {stranger}"));
    session.run("CREATE FUNCTION mine(text) RETURNS text LANGUAGE wasm AS 'echo'");
    assert_eq!(session.value("SELECT mine('a')"), "a");
    session.run("SELECT fn_rollback('echo', 1)");
}

#[test]
fn a_binding_smuggled_past_the_validator_fails_at_the_call() {
    let mut db = Db::new("privileges_smuggle");
    let owner = db.deployer("owner");
    let stranger = db.deployer("stranger");
    db.session_as(&owner).deploy("echo", &guest("echo"), "env: {TOKEN: secret}\n");
    let mut session = db.session_as(&stranger);
    session.run("SET check_function_bodies = off");
    session.run("CREATE FUNCTION mine(text) RETURNS text LANGUAGE wasm AS 'echo'");
    session.refused("SELECT mine('a')", "42501");
    session.run("CREATE FUNCTION ghost(text) RETURNS text LANGUAGE wasm AS 'no-such'");
    session.refused("SELECT ghost('a')", "42883");
    session.run("CREATE FUNCTION ghost_export(text) RETURNS text LANGUAGE wasm AS 'echo:nope'");
    let refusal = session.refusal("SELECT ghost_export('a')");
    assert!(["42501", "42883"].contains(&refusal.code.as_str()), "{refusal}");
    // A superuser who runs the stranger's function gives it nothing either.
    let refusal = db.refusal("SELECT mine('a')");
    assert_eq!(refusal.code, "42501", "{refusal}");
}

#[test]
fn public_may_not_call() {
    let mut db = Db::new("privileges_public");
    let owner = db.deployer("owner");
    let caller = db.role("caller");
    let mut owner_session = db.session_as(&owner);
    owner_session.deploy("echo", &guest("echo"), "sql:\n  - create: also(t text) returns text\n    export: handler\n");
    let mut session = db.session_as(&caller);
    session.refused("SELECT echo('1')", "42501");
    session.refused("SELECT also('1')", "42501");
    session.refused("SELECT fn_invoke('echo', '1')", "42501");
    owner_session.run(&format!("GRANT EXECUTE ON FUNCTION echo(jsonb) TO {caller}"));
    assert_eq!(session.value("SELECT echo('1')"), "1");
    assert_eq!(session.value("SELECT fn_invoke('echo', '1')"), "1");
    owner_session.deploy(
        "echo",
        &guest("echo"),
        "timeout: 3s\nsql:\n  - create: also(t text) returns text\n    export: handler\n",
    );
    assert_eq!(session.value("SELECT echo('2')"), "2", "a deploy keeps the grants");
    session.refused("SELECT also('1')", "42501");
}

#[test]
fn a_role_sees_what_it_owns() {
    let mut db = Db::new("privileges_views");
    let one = db.deployer("one");
    let two = db.deployer("two");
    let none = db.role("none");
    db.session_as(&one).deploy("first", &guest("echo"), "env: {TOKEN: secret}\n");
    db.session_as(&two).deploy("second", &guest("echo"), "");
    let names = "SELECT name FROM alyx.functions ORDER BY 1";
    assert_eq!(db.session_as(&one).rows(names), ["first"]);
    assert_eq!(db.session_as(&two).rows(names), ["second"]);
    assert_eq!(db.session_as(&none).rows(names), [""; 0]);
    assert_eq!(db.rows(names), ["first", "second"]);
    for view in ["functions", "versions", "hooks"] {
        let seen = db.session_as(&two).rows(&format!("SELECT * FROM alyx.{view}")).join("\n");
        assert!(!seen.contains("first") && !seen.contains("secret"), "alyx.{view} shows another role's rows: {seen}");
    }
    db.session_as(&two).refused("SELECT * FROM fn_versions('first')", "42501");
}

#[test]
fn a_leaky_predicate_sees_no_more_than_the_view() {
    let mut db = Db::new("privileges_leaky");
    let one = db.deployer("one");
    let two = db.deployer("two");
    db.session_as(&one).deploy("first", &guest("echo"), "");
    let mut session = db.session_as(&two);
    session.run("CREATE FUNCTION public.spy(t text) RETURNS boolean COST 0.0000001 LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'saw %', t; END $$");
    assert_eq!(session.rows("SELECT name FROM alyx.functions WHERE public.spy(name)"), [""; 0]);
    assert_eq!(session.rows("SELECT 1 FROM alyx.versions v WHERE public.spy(v::text)"), [""; 0]);
}

#[test]
fn catalog_tables_are_not_writable() {
    let mut db = Db::new("privileges_catalog");
    let role = db.deployer("deployer");
    let writable = db.rows(&format!(
        "SELECT c.oid::regclass, p FROM pg_class c, unnest(ARRAY['INSERT', 'UPDATE', 'DELETE', 'TRUNCATE', 'TRIGGER', 'REFERENCES']) p
          WHERE c.relnamespace = 'alyx'::regnamespace AND c.relkind IN ('r', 'v', 'p', 'm') AND has_table_privilege('{role}', c.oid, p)"
    ));
    assert_eq!(writable, [""; 0], "a deployer may change these directly");
    assert_eq!(db.value(&format!("SELECT has_schema_privilege('{role}', 'alyx', 'CREATE')")), "f");
    let mut session = db.session_as(&role);
    session.deploy("echo", &guest("echo"), "");
    session.refusal("DELETE FROM alyx.functions");
}

#[test]
fn nothing_dangerous_is_granted_to_public() {
    let mut db = Db::new("privileges_grants");
    assert_eq!(db.value("SELECT lanpltrusted FROM pg_language WHERE lanname = 'wasm'"), "t");
    let role = db.role("nobody");
    assert_eq!(db.value(&format!("SELECT has_language_privilege('{role}', 'wasm', 'USAGE')")), "f");
    db.run("CREATE TABLE t (id int)");
    let mut session = db.session_as(&role);
    session.refused("CREATE FUNCTION pg_temp.f(text) RETURNS text LANGUAGE wasm AS 'echo'", "42501");
    session.deploy_refused("echo", &guest("echo"), "", "42501");
    let refusal = session.refusal("SELECT fn_check('\\x0061736d01000000')");
    assert_eq!(refusal.code, "42501", "fn_check compiles, so it needs the language too: {refusal}");
}

#[test]
fn the_private_functions_below_the_public_ones_check_for_themselves() {
    let mut db = Db::new("privileges_private");
    let (owner, stranger) = (db.deployer("owner"), db.role("stranger"));
    db.session_as(&owner).deploy("echo", &guest("echo"), "env: {TOKEN: secret}\n");
    let private = db.rows(
        "SELECT p.proname, p.oid::regprocedure FROM pg_proc p JOIN pg_namespace n ON n.oid = p.pronamespace
          WHERE n.nspname = 'alyx' AND p.prokind = 'f' ORDER BY 1",
    );
    assert!(!private.is_empty());
    let mut session = db.session_as(&stranger);
    for call in [
        "alyx._deploy('echo', '\\x0061736d01000000', NULL)",
        "alyx._rollback('echo', 1)",
        "alyx._drop('echo', true)",
        "alyx._set_env('echo', 'A', 'b')",
        "alyx._attach('echo', 'pg_class', '{}')",
        "alyx._detach('echo', 'pg_class')",
        "alyx._owned('echo')",
        "alyx._check('\\x0061736d01000000', NULL)",
    ] {
        let refusal = session.refusal(&format!("SELECT {call}"));
        assert!(["42501", "42883"].contains(&refusal.code.as_str()), "{call}: {refusal}; there are {private:?}");
    }
    // The handler and the validator are for Postgres alone; called by hand they must not crash.
    for call in [
        "alyx._call()",
        "alyx._validate('alyx._validate(oid)'::regprocedure)",
        "alyx._validate(0)",
        "alyx._validate(NULL)",
    ] {
        let _ = session.attempt(&format!("SELECT {call}"));
        let _ = db.attempt(&format!("SELECT {call}"));
        assert_eq!(db.value("SELECT 1"), "1", "after {call}");
    }
    assert_eq!(db.value("SELECT echo('1')"), "1");
}

#[test]
fn every_security_definer_function_fixes_its_search_path() {
    let mut db = Db::new("privileges_definer");
    let loose = db.rows(
        "SELECT p.oid::regprocedure FROM pg_proc p JOIN pg_depend d ON d.objid = p.oid AND d.deptype = 'e'
           JOIN pg_extension e ON e.oid = d.refobjid AND e.extname = 'alyx_functions'
          WHERE p.prosecdef AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%')",
    );
    assert_eq!(loose, [""; 0]);
}

#[test]
fn objects_in_the_callers_search_path_do_not_fool_the_extension() {
    let mut db = Db::new("privileges_search_path");
    let role = db.deployer("deployer");
    db.run(&format!("CREATE SCHEMA evil AUTHORIZATION {role}"));
    let mut session = db.session_as(&role);
    // Each of these would be found before its namesake in pg_catalog, and tells on whoever calls it.
    session.run(
        "CREATE TABLE evil.caught (what text);
         GRANT ALL ON SCHEMA evil TO PUBLIC; GRANT ALL ON evil.caught TO PUBLIC;
         CREATE FUNCTION evil.tell(what text) RETURNS boolean LANGUAGE sql VOLATILE AS $$ INSERT INTO evil.caught VALUES (what) RETURNING true $$;
         CREATE FUNCTION evil.equal(text, text) RETURNS boolean LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('equal') $$;
         CREATE OPERATOR evil.= (LEFTARG = text, RIGHTARG = text, FUNCTION = evil.equal);
         CREATE FUNCTION evil.now() RETURNS timestamptz LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('now'); SELECT pg_catalog.now() $$;
         CREATE FUNCTION evil.to_jsonb(anyelement) RETURNS jsonb LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('to_jsonb'); SELECT pg_catalog.to_jsonb($1) $$;
         CREATE FUNCTION evil.sha256(bytea) RETURNS bytea LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('sha256'); SELECT pg_catalog.sha256($1) $$;
         CREATE FUNCTION evil.format(text, VARIADIC text[]) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('format'); SELECT 'nonsense' $$;
         CREATE FUNCTION evil.quote_ident(text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('quote_ident'); SELECT $1 $$;
         CREATE FUNCTION evil.member(jsonb, text) RETURNS text LANGUAGE sql VOLATILE AS $$ SELECT evil.tell('member'); SELECT $1 OPERATOR(pg_catalog.->>) $2 $$;
         CREATE OPERATOR evil.->> (LEFTARG = jsonb, RIGHTARG = text, FUNCTION = evil.member);
         CREATE DOMAIN evil.regrole AS text; CREATE DOMAIN evil.regclass AS text; CREATE DOMAIN evil.regprocedure AS text;
         CREATE TABLE evil.pg_proc (); CREATE TABLE evil.pg_trigger (); CREATE TABLE evil.pg_language ();
         SET search_path = evil, pg_catalog, public",
    );
    session.deploy("echo", &guest("echo"), "schema: public\n");
    session.deploy("echo", &guest("echo"), "schema: public\ntimeout: 5s\n");
    session.run("SELECT public.echo('1'), public.fn_invoke('echo', '1')");
    session.run("CREATE TABLE public.target (id int); SELECT public.fn_attach('echo', 'public.target', ARRAY['insert']); SELECT public.fn_detach('echo', 'public.target')");
    session.run("SELECT name FROM alyx.functions; SELECT public.fn_rollback('echo'); SELECT public.fn_set_env('echo', 'A', 'b')");
    session.run("SET search_path = evil, pg_catalog, public; SELECT public.fn_drop('echo')");
    assert_eq!(
        db.rows("SELECT DISTINCT what FROM evil.caught"),
        [""; 0],
        "the extension called objects of the caller's search path"
    );
}
