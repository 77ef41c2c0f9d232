//! How long, how many: what the command line says.

use std::path::PathBuf;
use std::time::Duration;

/// Runs shorter than this are too short to tell a slope of memory from its noise.
const SHORTEST_FOR_SLOPES: Duration = Duration::from_secs(5 * 60);

/// One run.
pub struct Plan {
    /// How long the clients stay.
    pub duration: Duration,
    /// How many there are at a time.
    pub clients: usize,
    /// File for the report, which goes to standard output in any case.
    pub report: Option<PathBuf>,
}

impl Plan {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A sentence that says what was not understood.
    pub fn of(arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
        let mut plan = Plan { duration: Duration::from_secs(600), clients: 100, report: None };
        let mut arguments = arguments;
        while let Some(option) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{option} takes a value"))?;
            let wrong = |_| format!("{option} takes a number, not {value:?}");
            match option.as_str() {
                "--minutes" => plan.duration = Duration::from_secs(60 * value.parse::<u64>().map_err(wrong)?),
                "--clients" => plan.clients = value.parse().map_err(wrong)?,
                "--report" => plan.report = Some(value.into()),
                _ => return Err(format!("unknown option {option}: --minutes N, --clients N, --report FILE")),
            }
        }
        if plan.clients < 20 || plan.duration.is_zero() {
            return Err("a soak takes a minute and 20 clients at least".to_owned());
        }
        Ok(plan)
    }

    /// Whether slopes are judged, and not only shown.
    pub fn judges_slopes(&self) -> bool {
        self.duration >= SHORTEST_FOR_SLOPES
    }
}
