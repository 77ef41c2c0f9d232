//! What functions keep and what is kept from them: entries of kv_*, which commit with the rows beside them, and a secret.

use crate::crowd::{Action, Visit, wrong};
use alyx_tests::{Refusal, literal};

/// What a client that keeps things chooses from.
pub const ACTIONS: &[Action] = &[
    Action { name: "count in an entry", weight: 15, endings: &[], run: count },
    Action { name: "entries that end", weight: 10, endings: &[], run: ephemeral },
    Action { name: "too large an entry", weight: 3, endings: &[], run: too_large },
    Action { name: "read a secret", weight: 12, endings: &[], run: read },
    Action { name: "tell a secret", weight: 8, endings: &["P0001"], run: tell },
    Action { name: "ask for another's secret", weight: 5, endings: &[], run: ask_for_another },
];

/// The secret that some functions are granted: its text may be seen nowhere but in their own answers.
pub const SECRET: &str = "xyzzy-plugh-8271";

/// The owner's functions and the grant.
pub fn set_up(owner: &mut alyx_tests::Session) {
    owner.run(&format!(
        "CREATE TABLE kept (client int NOT NULL); GRANT ALL ON kept TO PUBLIC;
         SELECT fn_set_secret('SOAK_KEY', '{SECRET}')"
    ));
    for (name, manifest) in [("keeper", ""), ("teller", "secrets: [SOAK_KEY]"), ("stranger", "")] {
        owner.deploy(name, &alyx_tests::guest("script"), manifest);
        owner.run(&format!("CREATE FUNCTION {name}(lines text) RETURNS jsonb LANGUAGE wasm AS '{name}'"));
    }
    owner.run("SELECT fn_grant_secret('SOAK_KEY', 'teller')");
}

/// Entries that do not say what the rows beside them say; a number that must be 0.
pub const BROKEN_ENTRIES: &str = "
    SELECT count(*) FROM (SELECT client, count(*) FROM kept GROUP BY 1) k
    FULL JOIN (SELECT substr(e ->> 'key', 2)::int AS client, (e ->> 'value')::int AS count
               FROM jsonb_array_elements(keeper('k{\"prefix\": \"c\", \"limit\": 1000}') #> '{0,entries}') e) e USING (client)
    WHERE k.count IS DISTINCT FROM e.count";

fn keep(visit: &mut Visit<'_>, function: &str, line: &str) -> Result<String, Refusal> {
    visit.session.attempt(&format!("SELECT {function}({}) -> 0", literal(line))).map(|rows| rows.join(""))
}

/// Each client counts for itself: what it finds in the entry is the number of its rows.
fn count(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let (client, ending) = (visit.client, if visit.dice.below(4) == 0 { "ROLLBACK" } else { "COMMIT" });
    visit.session.attempt("BEGIN")?;
    let rows = visit.session.attempt(&format!("SELECT count(*) FROM kept WHERE client = {client}"))?.join("");
    let found = keep(visit, "keeper", &format!("g{{\"key\": \"c{client}\"}}"))?;
    let next = rows.parse::<u64>().unwrap_or_default() + 1;
    keep(visit, "keeper", &format!("p{{\"key\": \"c{client}\", \"value\": {next}}}"))?;
    visit.session.attempt(&format!("INSERT INTO kept VALUES ({client}); {ending}"))?;
    let is_right =
        if rows == "0" { found.contains("\"exists\": false") } else { found.contains(&format!("\"value\": {rows}")) };
    if is_right { Ok(()) } else { Err(wrong(format!("{found} beside {rows} rows"))) }
}

fn ephemeral(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let key = format!("t{}", visit.dice.below(1000));
    let ttl_ms = 1 + visit.dice.below(200);
    let size = visit.dice.below(5000) as usize;
    keep(
        visit,
        "keeper",
        &format!("p{{\"key\": \"{key}\", \"value\": \"{}\", \"ttl_ms\": {ttl_ms}}}", "x".repeat(size)),
    )?;
    keep(visit, "keeper", &format!("g{{\"key\": \"{key}\"}}"))?;
    if visit.dice.below(2) == 0 {
        keep(visit, "keeper", &format!("d{{\"key\": \"{key}\"}}"))?;
    }
    keep(visit, "keeper", "k{\"prefix\": \"t\", \"limit\": 20}").map(drop)
}

fn too_large(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let found = keep(visit, "keeper", &format!("p{{\"key\": \"large\", \"value\": \"{}\"}}", "x".repeat(1_100_000)))?;
    if found.contains("54000") { Ok(()) } else { Err(wrong(found)) }
}

fn read(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let found = keep(visit, "teller", "e{\"key\": \"SOAK_KEY\"}")?;
    if found == format!("{{\"value\": \"{SECRET}\"}}") { Ok(()) } else { Err(wrong(found)) }
}

/// In a log line and in an error: byte 1 stands for what the guest was told last.
fn tell(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let lines = [
        "e{\"key\": \"SOAK_KEY\"}",
        "l{\"level\": \"warn\", \"message\": \"it is \u{1}\"}",
        "r{\"sqlstate\": \"P0001\", \"message\": \"told \u{1}\", \"detail\": \"\u{1}\"}",
        "x",
    ]
    .join("\n");
    match visit.session.attempt(&format!("SELECT teller({})", literal(&lines))) {
        Err(refusal) if refusal.code == "P0001" && (refusal.says(SECRET) || !refusal.says("[secret]")) => {
            Err(wrong(refusal))
        }
        Err(refusal) => Err(refusal),
        Ok(answer) => Err(wrong(format!("{answer:?}"))),
    }
}

fn ask_for_another(visit: &mut Visit<'_>) -> Result<(), Refusal> {
    let found = keep(visit, "stranger", "e{\"key\": \"SOAK_KEY\"}")?;
    if found == "{\"value\": null}" { Ok(()) } else { Err(wrong(found)) }
}
