//! Time zones as PostgreSQL knows them, so that a schedule agrees with `AT TIME ZONE`.

use core::ffi::{c_char, c_int, c_long};

use pgrx::pg_sys;

use super::catch::catch;
use super::{PgError, SqlState, raw};

/// A time zone by its IANA name. Kept by Postgres as long as the process lives.
#[derive(Clone, Copy, Debug)]
pub struct Zone(*mut pg_sys::pg_tz);

/// pgtime.h: TZ_STRLEN_MAX.
const LONGEST_NAME: usize = 255;

impl Zone {
    /// Finds a zone by its IANA name. Rules in POSIX form (`GMT+24`), which Postgres takes elsewhere, are none.
    ///
    /// # Errors
    /// 22023 when there is no such zone.
    pub fn find(name: &str) -> Result<Self, PgError> {
        let unknown = || {
            let mut error = PgError::new(SqlState::new(b"22023"), format!("time zone \"{name}\" not recognized"));
            error.hint =
                Some("Use a name of the view pg_timezone_names, such as \"Europe/Berlin\" or \"UTC\".".to_owned());
            error
        };
        if name.is_empty() || name.len() > LONGEST_NAME {
            return Err(unknown());
        }
        let text = super::datum::c_string(name.as_bytes()).map_err(|_| unknown())?;
        let mut exact = [0 as c_char; LONGEST_NAME + 1];
        // SAFETY: with a buffer for the exact name the file is looked for by comparing directory entries, hidden ones
        // left out, so the name cannot lead out of the folder. `close` takes what was opened.
        let zone = unsafe {
            catch(|| {
                let file = raw::pg_open_tzfile(text.as_ptr(), exact.as_mut_ptr());
                if file < 0 {
                    return std::ptr::null_mut();
                }
                raw::close(file);
                raw::pg_tzset(exact.as_ptr())
            })?
        };
        if zone.is_null() { Err(unknown()) } else { Ok(Self(zone)) }
    }
}

impl alyx_schedule::Zone for Zone {
    fn offset_at(&self, unix_s: i64) -> i32 {
        // SAFETY: the zone lives as long as the process; the result is a static of localtime.c, read at once.
        unsafe {
            let local = pg_sys::pg_localtime(&unix_s, self.0);
            let offset: c_long = local.as_ref().map_or(0, |local| local.tm_gmtoff);
            i32::try_from(offset).unwrap_or(0)
        }
    }

    fn next_transition(&self, after_unix_s: i64) -> Option<i64> {
        let (mut before, mut after): (c_long, c_long) = (0, 0);
        let (mut was_dst, mut is_dst): (c_int, c_int) = (0, 0);
        let mut boundary = 0;
        // SAFETY: as above; the out parameters live across the call.
        let found = unsafe {
            pg_sys::pg_next_dst_boundary(
                &after_unix_s,
                &mut before,
                &mut was_dst,
                &mut boundary,
                &mut after,
                &mut is_dst,
                self.0,
            )
        };
        (found == 1).then_some(boundary)
    }
}
