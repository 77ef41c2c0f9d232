//! Functions of LANGUAGE javascript leave what deployed ones leave, for those who own them.

use crate::house::{House, own};

#[test]
fn owners_see_what_their_functions_did_and_nobody_else_does() {
    let mut house = House::new("javascript");
    let (ada, max) = (house.role("ada"), house.role("max"));
    house.run(&format!("GRANT USAGE ON LANGUAGE javascript TO {ada}; GRANT CREATE ON SCHEMA public TO {ada}"));
    let mut session = house.session_as(&ada);
    session.run(
        "CREATE FUNCTION half(n int) RETURNS int LANGUAGE javascript AS
         $$ if (n < 0) throw new RangeError('negative'); log.info('halved', { n }); return Math.floor(n / 2) $$",
    );
    assert_eq!(session.value("SELECT half(9)"), "4");
    session.refused("SELECT half(-1)", "38000");
    house.run("SELECT alyx._drain()");
    let invocations = "SELECT function, status, sqlstate, role FROM alyx.invocations ORDER BY started_at";
    let logs = "SELECT level, message LIKE 'halved%' FROM alyx.logs";
    let stats = "SELECT function, calls, errors FROM alyx.stats";
    assert_eq!(session.rows(invocations), [format!("half|ok|NULL|{ada}"), format!("half|error|38000|{ada}")]);
    assert_eq!(session.rows(logs), ["info|t"]);
    assert_eq!(session.rows(stats), ["half|2|1"]);
    let mut other = house.session_as(&max);
    for query in [invocations, logs, stats] {
        assert!(other.rows(query).is_empty(), "{query}");
        assert!(!house.rows(query).is_empty(), "{query}");
    }
    session.run("DROP FUNCTION half(int)");
    assert!(session.rows(stats).is_empty());
    assert!(session.rows(invocations).is_empty(), "what was recorded is for the extension's owner");
    assert_eq!(house.rows(invocations).len(), 2);
}

#[test]
fn counts_outlive_the_server() {
    let (cluster, mut db) = own("javascript_counts");
    db.run("CREATE FUNCTION half(n int) RETURNS int LANGUAGE javascript AS 'return Math.floor(n / 2)'");
    db.run("SELECT half(n) FROM generate_series(1, 5) n");
    let stats = "SELECT function, calls FROM alyx.stats";
    assert_eq!(db.rows(stats), ["half|5"]);
    cluster.stop("fast");
    cluster.begin();
    let mut session = db.session();
    assert_eq!(session.rows(stats), ["half|5"]);
    session.run("SELECT half(1)");
    assert_eq!(session.rows(stats), ["half|6"]);
}
