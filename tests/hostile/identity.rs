//! Whose rights a guest has, in every combination: who calls × through whose SECURITY DEFINER function × through which outer
//! guest × whose function, run as whom, bound how.

use alyx_tests::{Db, Session, guest, literal};
use serde_json::json;

const SUPERUSER: &str = "postgres";

/// A deployed function: whose, and whether it runs as its owner.
#[derive(Clone, Debug)]
struct Function {
    name: String,
    owner: String,
    runs_as_owner: bool,
}

impl Function {
    /// SPEC §7: the owner's rights when it runs as the owner or when the caller is a superuser and the owner is not.
    fn role_for(&self, caller: &str, is_guarded: bool) -> String {
        let is_too_strong = is_guarded && caller == SUPERUSER && self.owner != SUPERUSER;
        if self.runs_as_owner || is_too_strong { self.owner.clone() } else { caller.to_owned() }
    }
}

/// How the innermost guest is reached from an outer one.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Way {
    /// `fn_invoke`, the host function.
    Invoke,
    /// An SQL function that has the caller's rights.
    Sql,
    /// An SQL function that is SECURITY DEFINER: the caller is its owner.
    Definer,
}

fn functions(db: &mut Db, bob: &str) -> Vec<Function> {
    let mut all = Vec::new();
    for owner in [SUPERUSER, bob] {
        for (label, run_as) in [("c", "caller"), ("o", "owner")] {
            let name = format!("{label}_{}", if owner == SUPERUSER { "super" } else { "bob" });
            let mut session = db.session_as(owner);
            session.deploy(&name, &guest("ask"), &format!("entrypoint: db_query\nrun_as: {run_as}\n"));
            session.run(&format!(
                "CREATE FUNCTION {name}_definer(jsonb) RETURNS jsonb LANGUAGE wasm SECURITY DEFINER AS '{name}:db_query';
                 CREATE FUNCTION {name}_call(jsonb) RETURNS jsonb LANGUAGE wasm AS '{name}:fn_invoke';
                 GRANT EXECUTE ON FUNCTION {name}(jsonb), {name}_definer(jsonb), {name}_call(jsonb) TO PUBLIC"
            ));
            all.push(Function { name, owner: owner.to_owned(), runs_as_owner: run_as == "owner" });
        }
    }
    all
}

/// `via_<label>(call)` runs a call with the rights of `owner`.
fn wrapper(db: &mut Db, label: &str, owner: &str) {
    db.run(&format!(
        "CREATE FUNCTION via_{label}(call text) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER AS
             $$ DECLARE reply jsonb; BEGIN EXECUTE call INTO reply; RETURN reply; END $$;
         ALTER FUNCTION via_{label}(text) OWNER TO {owner}; GRANT EXECUTE ON FUNCTION via_{label}(text) TO PUBLIC"
    ));
}

/// The role that the innermost guest's SQL says it is.
fn ask(
    session: &mut Session,
    wrapper: Option<&str>,
    outer: Option<(&Function, Way)>,
    inner: &Function,
    way: Way,
) -> String {
    let question = json!({"sql": "SELECT current_user::text AS me"});
    let bound = |function: &Function, way| match way {
        Way::Definer => format!("public.{}_definer", function.name),
        _ => format!("public.{}", function.name),
    };
    let (call, path) = match outer {
        None => (format!("SELECT {}({})", bound(inner, way), literal(&question.to_string())), "/rows/0/me"),
        Some((outer, Way::Invoke)) => {
            let request = json!({"name": inner.name, "input": question}).to_string();
            (format!("SELECT public.{}_call({})", outer.name, literal(&request)), "/result/rows/0/me")
        }
        Some((outer, way)) => {
            let sql = format!("SELECT {}($1) AS r", bound(inner, way));
            let request = json!({"sql": sql, "params": [question]}).to_string();
            (format!("SELECT public.{}({})", outer.name, literal(&request)), "/rows/0/r/rows/0/me")
        }
    };
    let call = wrapper.map_or(call.clone(), |wrapper| format!("SELECT public.via_{wrapper}({})", literal(&call)));
    let reply = session.json(&call);
    let me = reply.pointer(path).and_then(|me| me.as_str());
    me.unwrap_or_else(|| panic!("{call}\nsays {reply}")).to_owned()
}

#[test]
fn every_combination_of_caller_owner_definer_and_nesting() {
    let mut db = Db::new("hostile_identity");
    let (alice, bob, carl) = (db.role("alice"), db.deployer("bob"), db.role("carl"));
    let functions = functions(&mut db, &bob);
    let wrappers = [(None, ""), (Some("super"), SUPERUSER), (Some("bob"), bob.as_str()), (Some("carl"), carl.as_str())];
    for (label, owner) in wrappers {
        label.into_iter().for_each(|label| wrapper(&mut db, label, owner));
    }
    let mut tried = 0;
    for (session_role, is_guarded) in [(alice.as_str(), true), (SUPERUSER, true), (SUPERUSER, false)] {
        let mut session = db.session_as(session_role);
        if !is_guarded {
            session.run("SELECT fn_version(); SET alyx_functions.superuser_guard = off");
        }
        for (wrapper, definer) in wrappers {
            let first = if wrapper.is_some() { definer } else { session_role };
            for inner in &functions {
                let mut outers: Vec<Option<(&Function, Way)>> = vec![None, None];
                for outer in &functions {
                    outers.extend([Way::Invoke, Way::Sql, Way::Definer].map(|way| Some((outer, way))));
                }
                for (number, outer) in outers.into_iter().enumerate() {
                    let way = outer.map_or(if number == 0 { Way::Sql } else { Way::Definer }, |(_, way)| way);
                    let mut caller = outer.map_or(first.to_owned(), |(outer, _)| outer.role_for(first, is_guarded));
                    if way == Way::Definer {
                        caller = inner.owner.clone();
                    }
                    let expected = inner.role_for(&caller, is_guarded);
                    let who = ask(&mut session, wrapper, outer, inner, way);
                    assert_eq!(
                        who, expected,
                        "{session_role} (guard {is_guarded}) through {wrapper:?}, {outer:?} and {way:?} to {inner:?}"
                    );
                    tried += 1;
                }
            }
            assert_eq!(session.value("SELECT current_user, session_user"), format!("{session_role}|{session_role}"));
        }
    }
    assert_eq!(tried, 3 * 4 * 4 * 14);
}

#[test]
fn below_a_superusers_definer_function_nothing_is_left_behind_either() {
    let mut db = Db::new("hostile_definer_leaves");
    let (alice, bob) = (db.role("alice"), db.deployer("bob"));
    let functions = functions(&mut db, &bob);
    wrapper(&mut db, "super", SUPERUSER);
    let of_bob = functions.iter().find(|function| function.owner == bob && !function.runs_as_owner).unwrap();
    let mut owner = db.session_as(&bob);
    owner.run(
        "CREATE TABLE bait (i int); CREATE TABLE caught (role text);
         CREATE FUNCTION spring() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.caught VALUES (current_user); RETURN NULL; END $$;
         CREATE CONSTRAINT TRIGGER late AFTER INSERT ON bait DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION spring()",
    );
    let mut session = db.session_as(&alice);
    for sql in [
        "CREATE TEMP VIEW pg_stats_mine AS SELECT current_user AS who",
        "CREATE TEMP TABLE pg_class (i int)",
        "DECLARE c CURSOR FOR SELECT current_user",
        "PREPARE p AS SELECT current_user",
        "SET ROLE postgres",
        "RESET ROLE",
        "DO $$ BEGIN EXECUTE 'RESET SESSION AUTHORIZATION'; END $$",
    ] {
        let call = format!("SELECT public.{}({})", of_bob.name, literal(&json!({ "sql": sql }).to_string()));
        let reply = session.json(&format!("SELECT via_super({})", literal(&call)));
        assert_eq!(reply["error"]["code"], "42501", "{sql}: {reply}");
    }
    let call = format!("SELECT public.{}('{{\"sql\": \"INSERT INTO public.bait VALUES (1)\"}}')", of_bob.name);
    let _ = session.attempt(&format!("SELECT via_super({})", literal(&call)));
    let _ = db.attempt(&call);
    assert_eq!(db.rows("SELECT role FROM caught WHERE role = 'postgres'"), [""; 0]);
}
