//! Direct scalar calls: SQL values go to the guest as WebAssembly values, whole and unharmed.

use alyx_tests::Db;

fn db(test: &str) -> Db {
    let mut db = Db::new(test);
    db.deploy_guest("scalars");
    db
}

#[test]
fn integers_keep_their_extremes() {
    let mut db = db("scalars_integers");
    db.run(
        "CREATE FUNCTION same(smallint) RETURNS smallint LANGUAGE wasm AS 'scalars:same_i32';
         CREATE FUNCTION same(int) RETURNS int LANGUAGE wasm AS 'scalars:same_i32';
         CREATE FUNCTION same(bigint) RETURNS bigint LANGUAGE wasm AS 'scalars:same_i64';
         CREATE FUNCTION add(int, int) RETURNS int LANGUAGE wasm AS 'scalars:add';
         CREATE FUNCTION add(bigint, bigint) RETURNS bigint LANGUAGE wasm AS 'scalars:add_long';",
    );
    for (kind, values) in [
        ("smallint", ["-32768", "-1", "0", "32767"]),
        ("int", ["-2147483648", "-1", "0", "2147483647"]),
        ("bigint", ["-9223372036854775808", "-1", "0", "9223372036854775807"]),
    ] {
        for value in values {
            assert_eq!(db.value(&format!("SELECT same('{value}'::{kind})")), value, "{kind}");
        }
    }
    assert_eq!(db.value("SELECT add(2, -5), add(9007199254740993, 1::bigint)"), "-3|9007199254740994");
    assert_eq!(
        db.value("SELECT add(2147483647, 1)"),
        "-2147483648",
        "the guest's arithmetic wraps; the guest decides, not the host"
    );
    assert_eq!(db.value("SELECT sum(add(i, 1)) FROM generate_series(1, 100000) i"), "5000150000");
}

#[test]
fn a_result_that_does_not_fit_is_refused() {
    let mut db = db("scalars_narrow");
    db.run("CREATE FUNCTION narrow(int) RETURNS smallint LANGUAGE wasm AS 'scalars:same_i32'");
    assert_eq!(db.value("SELECT narrow(32767), narrow(-32768)"), "32767|-32768");
    db.refused("SELECT narrow(40000)", "22003");
    db.refused("SELECT narrow(-32769)", "22003");
}

#[test]
fn floats_keep_nan_infinity_and_the_last_bit() {
    let mut db = db("scalars_floats");
    db.run(
        "CREATE FUNCTION same(real) RETURNS real LANGUAGE wasm AS 'scalars:same_f32';
         CREATE FUNCTION same(float8) RETURNS float8 LANGUAGE wasm AS 'scalars:same_f64';
         CREATE FUNCTION mixed(int, bigint, real, float8) RETURNS float8 LANGUAGE wasm AS 'scalars:mixed';",
    );
    for value in ["NaN", "Infinity", "-Infinity", "-0", "1.1754944e-38", "3.4028235e+38", "0.1"] {
        assert_eq!(db.value(&format!("SELECT same('{value}'::real)")), value);
    }
    for value in
        ["NaN", "Infinity", "-Infinity", "-0", "5e-324", "1.7976931348623157e+308", "0.1", "0.30000000000000004"]
    {
        assert_eq!(db.value(&format!("SELECT same('{value}'::float8)")), value);
    }
    assert_eq!(db.value("SELECT mixed(-1, -2, 0.5, 0.25)"), "-2.25");
}

#[test]
fn booleans_are_true_or_false_whatever_the_guest_says() {
    let mut db = db("scalars_bool");
    db.run(
        "CREATE FUNCTION same(boolean) RETURNS boolean LANGUAGE wasm AS 'scalars:same_i32';
         CREATE FUNCTION truth(int) RETURNS boolean LANGUAGE wasm AS 'scalars:same_i32';
         CREATE FUNCTION number(boolean) RETURNS int LANGUAGE wasm AS 'scalars:same_i32';",
    );
    assert_eq!(db.value("SELECT same(true), same(false), number(true), number(false)"), "t|f|1|0");
    assert_eq!(
        db.value("SELECT truth(0), truth(1), truth(2), truth(-1), truth(256), truth(2) = true, truth(256) = true"),
        "f|t|t|t|t|t|t"
    );
}

#[test]
fn a_null_argument_gives_null() {
    let mut db = db("scalars_null");
    db.run("CREATE FUNCTION add(int, int) RETURNS int LANGUAGE wasm AS 'scalars:add'");
    assert_eq!(db.value("SELECT add(NULL, 1), add(1, NULL), add(NULL, NULL)"), "NULL|NULL|NULL");
    db.run("CREATE FUNCTION divide(int, int) RETURNS int LANGUAGE wasm STRICT AS 'scalars:divide'");
    assert_eq!(db.value("SELECT divide(NULL, 0), divide(10, 3)"), "NULL|3");
}

#[test]
fn a_trap_in_a_scalar_call_is_an_error_and_the_next_call_works() {
    let mut db = db("scalars_trap");
    db.run("CREATE FUNCTION divide(int, int) RETURNS int LANGUAGE wasm AS 'scalars:divide'");
    for _ in 0..3 {
        let refusal = db.refused("SELECT divide(1, 0)", "38000");
        assert!(
            refusal.context.contains("scalars") && refusal.context.contains("divide"),
            "CONTEXT names function and export: {refusal}"
        );
        assert_eq!(db.value("SELECT divide(10, 5)"), "2");
    }
}

#[test]
fn domains_over_scalars_are_checked() {
    let mut db = db("scalars_domain");
    db.run(
        "CREATE DOMAIN positive AS int CHECK (VALUE > 0);
         CREATE FUNCTION checked(int) RETURNS positive LANGUAGE wasm AS 'scalars:same_i32'",
    );
    assert_eq!(db.value("SELECT checked(5)"), "5");
    let refusal = db.refused("SELECT checked(-5)", "23514");
    assert_eq!(refusal.constraint, "positive_check", "{refusal}");
}

#[test]
fn signatures_that_do_not_match_are_refused_at_create() {
    let mut db = db("scalars_mismatch");
    for (what, statement) in [
        ("too few arguments", "CREATE FUNCTION f(int) RETURNS int LANGUAGE wasm AS 'scalars:add'"),
        ("wide for narrow", "CREATE FUNCTION f(bigint, bigint) RETURNS bigint LANGUAGE wasm AS 'scalars:add'"),
        ("float for integer", "CREATE FUNCTION f(float8, float8) RETURNS float8 LANGUAGE wasm AS 'scalars:add'"),
        ("another result", "CREATE FUNCTION f(int, int) RETURNS bigint LANGUAGE wasm AS 'scalars:add'"),
        ("text for integers", "CREATE FUNCTION f(text) RETURNS text LANGUAGE wasm AS 'scalars:add'"),
        ("two results", "CREATE FUNCTION f() RETURNS int LANGUAGE wasm AS 'scalars:two_results'"),
        ("a trigger", "CREATE FUNCTION f() RETURNS trigger LANGUAGE wasm AS 'scalars:add'"),
        ("a set", "CREATE FUNCTION f(int, int) RETURNS SETOF int LANGUAGE wasm AS 'scalars:add'"),
    ] {
        let refusal = db.refusal(statement);
        assert!(["42P13", "42883", "22023", "0A000"].contains(&refusal.code.as_str()), "{what}: {refusal}");
    }
}

#[test]
fn a_million_scalar_calls_beat_plpgsql() {
    let mut db = db("scalars_speed");
    db.run(
        "CREATE FUNCTION add_wasm(int, int) RETURNS int LANGUAGE wasm IMMUTABLE STRICT AS 'scalars:add';
         CREATE FUNCTION add_pl(int, int) RETURNS int LANGUAGE plpgsql IMMUTABLE STRICT AS $$ BEGIN RETURN $1 + $2; END $$",
    );
    let mut cost = |function: &str| {
        let sql = format!("SELECT count({function}(i, 1)) FROM generate_series(1, 1000000) i");
        assert_eq!(db.value(&sql), "1000000");
        let before = db.processor_time();
        db.value(&sql);
        db.processor_time() - before
    };
    let (wasm, plpgsql) = (cost("add_wasm"), cost("add_pl"));
    assert!(wasm < plpgsql, "a million calls took {wasm} hundredths of a second in wasm and {plpgsql} in PL/pgSQL");
}
