//! The pages that are run: each from its first block to its last, in a database and a folder of its own.

use crate::page::{self, Block, Step};
use crate::talk::Talk;
use crate::{pages, read, root};
use alyx_tests::{Cluster, Db, command_line};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::symlink;
use std::path::PathBuf;
use std::process::Command;
use std::time::{Duration, Instant};

/// How long a question about work in the background may go without its answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Database in the pages' addresses, and the ports that they use.
const ADDRESS: &str = "@localhost/app";
const PORTS: [u16; 2] = [8080, 9000];

/// Who reads a page, and does what it says.
struct Reader<'a> {
    page: &'a str,
    db: Db,
    folder: PathBuf,
    psql: Talk,
    shell: Talk,
    ports: [u16; 2],
    /// Folders whose sources are newer than their modules.
    unbuilt: Vec<String>,
    complaints: Vec<String>,
}

impl<'a> Reader<'a> {
    fn new(page: &'a str, text: &str, cluster: &Cluster) -> Reader<'a> {
        let name: String = page.chars().filter(char::is_ascii_alphanumeric).collect();
        let server = cluster.server().clone();
        let from_nothing = text.contains("\nCREATE EXTENSION alyx_functions;");
        let db = if from_nothing { Db::empty(server, &name) } else { Db::on(server, &name) };
        let folder = std::env::temp_dir().join(format!("alyx-docs-{name}-{}", std::process::id()));
        fs::create_dir_all(&folder).expect("the temporary folder is writable");
        // Without a terminal curl draws a progress meter.
        fs::write(folder.join(".curlrc"), "silent\nshow-error\n").expect("the folder is writable");
        let mut psql = db.server().client_program("psql", db.name());
        psql.args(["--no-psqlrc", "--quiet", "--pset=pager=off"]).current_dir(&folder);
        let psql = Talk::start(&mut psql, "\\warn");
        let shell = Talk::start(&mut shell(&db, &folder), "echo >&2");
        let ports = PORTS.map(|_| free_port());
        Reader { page, db, folder, psql, shell, ports, unbuilt: Vec::new(), complaints: Vec::new() }
    }

    fn follow(&mut self, step: &Step) {
        match step {
            Step::File(name, block) => {
                let path = self.folder.join(name);
                fs::create_dir_all(path.parent().expect("in a folder")).expect("the folder is writable");
                fs::write(path, self.here(&block.text)).expect("the folder is writable");
                if let Some((folder, _)) = name.split_once("/src/index.") {
                    self.unbuilt.push(folder.to_owned());
                }
            }
            Step::Sql(block, answer) => {
                let text = self.here(&block.text);
                let got = self.psql.say(&text);
                let got = self.asked_again(&text, answer.as_ref(), got);
                self.judge(block, answer.as_ref(), &got);
            }
            Step::Shell(block, answer) => {
                if block.text.contains("alyx deploy") {
                    self.build();
                }
                let text = self.in_background(&self.here(&block.text));
                let got = self.shell.say(&text);
                self.judge(block, answer.as_ref(), &got);
            }
        }
    }

    /// A question that changes nothing is asked again until its answer is as the page has it: jobs take their time.
    fn asked_again(&mut self, text: &str, answer: Option<&Block>, mut got: String) -> String {
        let Some(answer) = answer else { return got };
        let asks = text.starts_with("SELECT") && text.matches(';').count() == 1 && !text.contains("fn_");
        let deadline = Instant::now() + PATIENCE;
        while asks && page::difference(answer, &got).is_some() && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(50));
            got = self.psql.say(text);
        }
        got
    }

    fn judge(&mut self, block: &Block, answer: Option<&Block>, got: &str) {
        let problem = match answer {
            Some(answer) => page::difference(answer, got),
            None => got
                .lines()
                .find(|line| ["ERROR:", "FATAL:", "error:", "sh: "].iter().any(|word| line.contains(word)))
                .map(|line| (block.line, "no error".to_owned(), line.to_owned())),
        };
        if let Some((line, expected, got_line)) = problem {
            let page = self.page;
            self.complaints.push(format!("{page}:{line}: expected\n  {expected}\ngot\n  {got_line}\nof\n{got}"));
        }
    }

    /// The page's addresses, as they are here.
    fn here(&self, text: &str) -> String {
        let host = self.db.server().host.display().to_string().replace('/', "%2F");
        let mut text = text.replace(ADDRESS, &format!("@{host}:{}/{}", self.db.server().port, self.db.name()));
        for (port, here) in PORTS.iter().zip(self.ports) {
            for before in ["localhost:", "127.0.0.1:", "http.server "] {
                text = text.replace(&format!("{before}{port}"), &format!("{before}{here}"));
            }
        }
        text
    }

    /// Commands that serve until they are stopped go into the background, and are waited for.
    fn in_background(&self, text: &str) -> String {
        let mut out = String::new();
        for line in text.replace("\\\n", " ").lines() {
            if line.contains("alyx serve") {
                let port = self.ports[0];
                out.push_str(&format!("{line} --listen 127.0.0.1:{port} >serve.log 2>&1 &\n"));
                out.push_str(&format!(
                    "n=0; until curl --fail http://127.0.0.1:{port}/healthz >/dev/null 2>&1; do n=$((n+1)); [ $n -gt 100 ] && {{ echo error: no gateway; cat serve.log; break; }}; sleep 0.1; done\n"
                ));
            } else {
                out.push_str(line);
                out.push('\n');
            }
        }
        out
    }

    /// Builds what the page has written, types checked, as `alyx build` does where the packages are installed.
    fn build(&mut self) {
        let sdk = root().join("sdk/js");
        for folder in std::mem::take(&mut self.unbuilt) {
            let folder = self.folder.join(folder);
            let packages = folder.join("node_modules");
            if !packages.exists() {
                fs::create_dir_all(packages.join("@alyx")).expect("the folder is writable");
                symlink(&sdk, packages.join("@alyx/functions")).expect("the folder is writable");
                symlink(sdk.join("node_modules/typescript"), packages.join("typescript"))
                    .expect("the folder is writable");
                let settings = root().join("cli/templates/ts/tsconfig.json");
                fs::copy(settings, folder.join("tsconfig.json")).expect("the template is there");
            }
            let output = Command::new("bash")
                .arg(root().join("xtask/with-node"))
                .arg("node")
                .arg(sdk.join("bin/alyx-build.js"))
                .arg(&folder)
                .arg("--types")
                .output()
                .expect("bash runs");
            if !output.status.success() {
                let said = String::from_utf8_lossy(&output.stderr);
                self.complaints.push(format!("{}: {} is not built:\n{said}", self.page, folder.display()));
            }
        }
    }
}

impl Drop for Reader<'_> {
    fn drop(&mut self) {
        // With what it left in the background, which would hold the database.
        self.shell.end();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// A shell in the folder, with `alyx`, psql and the database's address.
fn shell(db: &Db, folder: &PathBuf) -> Command {
    let alyx = command_line();
    let alyx = alyx.parent().expect("in a folder").display().to_string();
    let server = db.server();
    let path = std::env::var("PATH").unwrap_or_default();
    let mut shell = Command::new("bash");
    shell
        .current_dir(folder)
        .env("PATH", format!("{alyx}:{}:{path}", server.bin.display()))
        .env("DATABASE_URL", server.url(db.name(), "postgres"))
        .env("PGHOST", &server.host)
        .env("PGPORT", server.port.to_string())
        .env("PGUSER", "postgres")
        .env("PGDATABASE", db.name())
        .env("CURL_HOME", folder)
        .env("NO_COLOR", "1")
        .env("HOME", folder);
    shell
}

fn free_port() -> u16 {
    let listener = TcpListener::bind(("127.0.0.1", 0)).expect("the system has a port left");
    listener.local_addr().expect("it is bound").port()
}

/// Roles belong to the server: the next page makes its own.
fn forget_roles(cluster: &Cluster) {
    let mut admin = cluster.server().session("postgres");
    for role in
        admin.rows("SELECT quote_ident(rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> 'postgres'")
    {
        admin.run(&format!("DROP OWNED BY {role}; DROP ROLE {role}"));
    }
}

#[test]
fn the_examples_of_every_page_print_what_it_says() {
    let cluster = Cluster::preloaded("docs", &["max_worker_processes=32", "alyx_functions.max_workers=8"]);
    let mut complaints = Vec::new();
    let mut ran = 0;
    let only = std::env::var("ALYX_TEST_PAGE").unwrap_or_default();
    let mut run = pages("docs/howto");
    run.extend(pages("docs/operate"));
    run.extend(["docs/tutorial.md".to_owned(), "docs/tutorial-typescript.md".to_owned()]);
    for page in run.iter().filter(|page| page.contains(&only)) {
        let text = read(page);
        let steps = page::steps(&text);
        let mut reader = Reader::new(page, &text, &cluster);
        for step in &steps {
            reader.follow(step);
            // What follows a step that failed would fail as well.
            if !reader.complaints.is_empty() {
                break;
            }
            ran += 1;
        }
        complaints.append(&mut reader.complaints);
        drop(reader);
        forget_roles(&cluster);
    }
    assert!(complaints.is_empty(), "{} pages differ:\n{}", complaints.len(), complaints.join("\n"));
    assert!(ran > 0);
}
