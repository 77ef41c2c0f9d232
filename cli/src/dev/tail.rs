//! Reads the functions' logs while `alyx dev` runs. It is a convenience: what it cannot read it leaves.

use std::sync::mpsc::Sender;
use std::time::Duration;

use super::event::Event;
use crate::commands::logs::Reader;
use crate::database::{self, Address};
use crate::problem::Exit;

const PAUSE: Duration = Duration::from_millis(300);

/// Works until the other end of `events` is dropped, or the database refuses.
pub(crate) fn run(address: &Address, events: &Sender<Event>) {
    let mut reader = Reader::new(None);
    let mut begun = false;
    loop {
        let Ok(mut database) = database::connect(address) else {
            std::thread::sleep(Duration::from_secs(1));
            continue;
        };
        if !begun && reader.skip_past(&mut database).is_err() {
            return;
        }
        begun = true;
        loop {
            std::thread::sleep(PAUSE);
            match reader.advance(&mut database).and_then(|()| reader.read(&mut database, 1000)) {
                Ok(rows) => {
                    for row in rows {
                        if events.send(Event::Log(row)).is_err() {
                            return;
                        }
                    }
                }
                Err(problem) if problem.exit == Exit::Unreachable => break,
                Err(_) => return,
            }
        }
    }
}
