//! How often, how many: what the command line says.

use std::path::PathBuf;
use std::time::Duration;

/// One run.
pub struct Plan {
    /// How the primary is lost, in this order.
    pub losses: Vec<Loss>,
    /// Clients by SQL, and as many over HTTP.
    pub clients: usize,
    /// How long the crowd works before each loss.
    pub calm: Duration,
    /// Ports are taken from here on: outside of those that the system gives to clients, which a server that comes back
    /// could find taken.
    pub first_port: u16,
    /// File for the report, which goes to standard output in any case.
    pub report: Option<PathBuf>,
}

/// What becomes of a primary.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// SIGKILL to its Patroni and its postmaster.
    Killed,
    /// All of its processes stop in mid-air, and are killed when another has taken over: a machine that says nothing.
    Frozen,
    /// They stop in mid-air and go on when another has taken over, not knowing it.
    Woken,
    /// It hands over, as for maintenance.
    Switched,
}

impl Loss {
    /// As the report calls it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Killed => "killed",
            Self::Frozen => "frozen",
            Self::Woken => "frozen and woken",
            Self::Switched => "switched over",
        }
    }
}

impl Plan {
    /// Reads the arguments.
    ///
    /// # Errors
    /// A sentence that says what was not understood.
    pub fn of(arguments: impl Iterator<Item = String>) -> Result<Plan, String> {
        let mut plan = Plan {
            losses: vec![Loss::Killed, Loss::Killed, Loss::Frozen, Loss::Woken, Loss::Switched],
            clients: 4,
            calm: Duration::from_secs(10),
            first_port: 24400,
            report: None,
        };
        let mut arguments = arguments;
        while let Some(option) = arguments.next() {
            let value = arguments.next().ok_or_else(|| format!("{option} takes a value"))?;
            let wrong = |_| format!("{option} takes a number, not {value:?}");
            match option.as_str() {
                "--losses" => plan.losses = losses(&value)?,
                "--clients" => plan.clients = value.parse().map_err(wrong)?,
                "--calm" => plan.calm = Duration::from_secs(value.parse().map_err(wrong)?),
                "--first-port" => plan.first_port = value.parse().map_err(wrong)?,
                "--report" => plan.report = Some(value.into()),
                _ => {
                    return Err(format!(
                        "unknown option {option}: --losses killed,frozen,woken,switched, --clients N, --calm SECONDS, \
                         --first-port N, --report FILE"
                    ));
                }
            }
        }
        if plan.clients == 0 || plan.losses.is_empty() {
            return Err("a run takes a client and a loss at least".to_owned());
        }
        Ok(plan)
    }

    /// After this much time everything is ended, whatever it waits for.
    pub fn longest(&self) -> Duration {
        Duration::from_secs(240)
            + (self.calm + Duration::from_secs(240)) * u32::try_from(self.losses.len()).unwrap_or(1)
    }
}

fn losses(text: &str) -> Result<Vec<Loss>, String> {
    text.split(',')
        .map(|word| match word {
            "killed" => Ok(Loss::Killed),
            "frozen" => Ok(Loss::Frozen),
            "woken" => Ok(Loss::Woken),
            "switched" => Ok(Loss::Switched),
            _ => Err(format!("--losses takes killed, frozen, woken and switched, by commas, not {word:?}")),
        })
        .collect()
}
