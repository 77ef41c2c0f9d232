//! The database, its functions and the gateways that every run begins with.

use crate::house::{Gateway, SECRET, now, sign};
use crate::nodes::{NAMES, Node, Nodes, PASSWORD};
use alyx_tests::{Session, guest, run_as_server_user};
use serde_json::json;
use std::path::Path;

pub const DATABASE: &str = "failover";
/// What the functions read of a secret.
pub const TOLD: &str = "told on every node";

/// What jobs and requests do, and where they say that they have done it. Nothing forbids that something is there twice:
/// that is what is looked for. `port` and `timeline` say who did it.
const SCENE: &str = "
    CREATE TABLE effects (
        id bigserial PRIMARY KEY, function text NOT NULL, n bigint, tick timestamptz, job uuid, attempt int,
        port int NOT NULL DEFAULT current_setting('port')::int,
        timeline text NOT NULL DEFAULT left(pg_walfile_name(pg_current_wal_insert_lsn()), 8),
        at timestamptz NOT NULL DEFAULT clock_timestamp());
    CREATE FUNCTION public.perform(event jsonb) RETURNS void LANGUAGE plpgsql AS $$
    DECLARE n bigint := event #>> '{input,n}';
    BEGIN
        -- Some are in the middle of their work when the server is lost.
        PERFORM pg_sleep(CASE WHEN n % 20 = 0 THEN 0.5 ELSE 0.005 END);
        INSERT INTO public.effects (function, n, tick, job, attempt)
        VALUES (event #>> '{function,name}', n, (event #>> '{schedule,scheduled_at}')::timestamptz, (event ->> 'id')::uuid,
                (event ->> 'attempt')::int);
    END $$;
    CREATE FUNCTION public.reply(event jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$
    BEGIN
        IF event #>> '{function,name}' = 'order' THEN
            PERFORM public.fn_enqueue('work', jsonb_build_object('n', event #> '{input,n}'));
        ELSIF event #>> '{function,name}' = 'ping' THEN
            INSERT INTO public.pings DEFAULT VALUES;
        END IF;
        RETURN jsonb_build_object('port', current_setting('port')::int, 'standby', pg_is_in_recovery());
    END $$;
    CREATE TABLE pings (at timestamptz NOT NULL DEFAULT clock_timestamp());
    CREATE ROLE authenticator LOGIN NOINHERIT;
    CREATE ROLE app_user;
    CREATE ROLE anon;
    GRANT app_user, anon TO authenticator;
    GRANT INSERT ON pings, effects TO app_user;
    GRANT USAGE ON SEQUENCE effects_id_seq TO app_user;
    CREATE FUNCTION public.twice(n int) RETURNS int LANGUAGE javascript AS 'return 2 * n';";

/// The functions: name, guest, manifest.
const FUNCTIONS: [(&str, &str, &str); 7] = [
    ("work", "task", ""),
    ("tick", "task", ""),
    ("tock", "task", ""),
    ("order", "answer", ""),
    ("ping", "answer", ""),
    ("reader", "answer", "database: read\nhooks: [{type: http, methods: [GET], auth: optional}]\n"),
    ("teller", "ask", "secrets: [WORD]\n"),
];

/// Fills the database of the leader, and puts the key of its secrets on the others, as an operator has to.
pub fn furnish(nodes: &Nodes, leader: &str) {
    let node = nodes.node(leader);
    node.server.session("postgres").run(&format!("CREATE DATABASE {DATABASE}"));
    let mut admin = node.server.session(DATABASE);
    admin.run("CREATE EXTENSION alyx_functions");
    admin.run(SCENE);
    admin.run(&format!("ALTER ROLE authenticator PASSWORD '{PASSWORD}'"));
    admin.run(&format!("SELECT fn_set_secret('WORD', '{TOLD}')"));
    for (name, wat, manifest) in FUNCTIONS {
        admin.deploy(name, &guest(wat), manifest);
    }
    admin.run(
        "SELECT fn_grant_secret('WORD', 'teller');
         CREATE FUNCTION teller(request jsonb) RETURNS jsonb LANGUAGE wasm AS 'teller:env';
         GRANT EXECUTE ON FUNCTION \"order\"(jsonb), ping(jsonb), reader(jsonb), work(jsonb) TO app_user;",
    );
    for other in nodes.all().iter().filter(|other| other.name != leader) {
        let copied =
            run_as_server_user(Path::new("/bin/cp")).arg("-a").arg(node.key_file()).arg(other.key_file()).status();
        assert!(copied.is_ok_and(|status| status.success()), "the key file was not copied");
    }
}

/// Begins the schedules: one that makes up for all that it missed, and one for the last of it.
pub fn begin_schedules(admin: &mut Session) {
    admin.run(
        "SELECT fn_schedule('tick', '@every 1s', overlap => 'allow', missed => 'all'),
                fn_schedule('tock', '@every 1s', overlap => 'allow', missed => 'once')",
    );
}

/// A gateway that knows all nodes: writes go to whoever takes them, reads to who does not.
pub fn gateway(nodes: &Nodes) -> Gateway {
    let ports: Vec<String> = nodes.all().iter().map(|node| node.server.port.to_string()).collect();
    let address = |attributes: &str| {
        format!(
            "host={} port={} user=authenticator password={PASSWORD} dbname={DATABASE} target_session_attrs={attributes}",
            [LOOPBACK; NAMES.len()].join(","),
            ports.join(","),
        )
    };
    let reads = address("read-only");
    let arguments = ["--jwt-secret", SECRET, "--anonymous-role", "anon", "--read-database-url", &reads];
    // A replica that was promoted is left for another before the run is over.
    Gateway::start(&address("read-write"), &[&arguments[..], &["--connection-lifetime", "5s"]].concat())
}

const LOOPBACK: &str = "127.0.0.1";

/// A client's token, good for the whole run.
pub fn token(client: &str) -> String {
    sign(
        &json!({"alg": "HS256", "typ": "JWT"}),
        &json!({"role": "app_user", "sub": client, "exp": now() + 7200}),
        SECRET,
    )
}

/// Compiled modules that a node has.
pub fn compiled(node: &Node) -> usize {
    fn count(folder: &Path) -> usize {
        std::fs::read_dir(folder)
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| if entry.path().is_dir() { count(&entry.path()) } else { 1 })
            .sum()
    }
    count(&node.cache())
}
