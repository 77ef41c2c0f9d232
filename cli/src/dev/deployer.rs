//! Deploys folders, one transaction each, over a connection that is made anew when it is lost. It waits for a database
//! that is away, longer each time, and then deploys what the folder holds by then.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use super::event::{Deploy, Event};
use crate::database::{self, Address, Database};
use crate::problem::{Exit, Problem, Result};
use crate::project::{Environment, Folder};
use crate::server::Private;

const FIRST_PAUSE: Duration = Duration::from_millis(100);
const LONGEST_PAUSE: Duration = Duration::from_secs(3);

/// Works until the other end of `folders` is dropped.
pub(crate) fn run(
    mut address: Address,
    mut server: Option<Private>,
    folders: &Receiver<Folder>,
    events: &Sender<Event>,
) {
    let mut database = None;
    // Hash of the module and text of the manifest that were deployed last: the same again is not sent.
    let mut done: BTreeMap<PathBuf, (String, String)> = BTreeMap::new();
    while let Ok(folder) = folders.recv() {
        let begun = Instant::now();
        let mut pause = FIRST_PAUSE;
        loop {
            let (name, result) = deploy(&mut database, &address, &folder, &mut done);
            match result {
                Err(problem) if problem.exit == Exit::Unreachable => {
                    if pause == FIRST_PAUSE && events.send(Event::Lost(problem.why.join("; "))).is_err() {
                        return;
                    }
                    database = None;
                    done.clear();
                    thread::sleep(pause);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    if let Some(server) = &mut server
                        && server.ensure().is_ok()
                        && let Ok(found) = server.address()
                    {
                        address = found;
                    }
                }
                result => {
                    if pause != FIRST_PAUSE {
                        let _ = events.send(Event::Back);
                    }
                    let event = Event::Deployed { dir: folder.dir.clone(), name, result, took: begun.elapsed() };
                    if events.send(event).is_err() {
                        return;
                    }
                    break;
                }
            }
        }
    }
}

fn deploy(
    database: &mut Option<Database>,
    address: &Address,
    folder: &Folder,
    done: &mut BTreeMap<PathBuf, (String, String)>,
) -> (String, Result<Deploy>) {
    let ready = match Environment::load().and_then(|environment| folder.ready(&environment)) {
        Ok(ready) => ready,
        Err(problem) => return (folder.label(), Err(problem)),
    };
    let mut attempt = || -> Result<Deploy> {
        let mark = (ready.sha256.clone(), ready.manifest.clone());
        if done.get(&folder.dir) == Some(&mark) {
            return Ok(Deploy { version: None, changed: false });
        }
        if database.is_none() {
            *database = Some(database::connect(address)?);
        }
        let Some(database) = database else { return Err(Problem::failed("there is no connection")) };
        let deployed = database.transaction(|transaction, schema| database::deploy(transaction, schema, &ready))?;
        done.insert(folder.dir.clone(), mark);
        Ok(Deploy { version: Some(deployed.version), changed: deployed.changed })
    };
    let result = attempt();
    (ready.name, result)
}
