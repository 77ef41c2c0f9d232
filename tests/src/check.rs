//! What a long run is judged by.

/// One thing that must hold.
pub struct Check {
    /// What it is.
    pub name: String,
    /// What was found.
    pub found: String,
    /// Whether that is as it must be.
    pub holds: bool,
}

impl Check {
    /// A check with what was found.
    pub fn new(name: impl Into<String>, found: impl Into<String>, holds: bool) -> Check {
        Check { name: name.into(), found: found.into(), holds }
    }

    /// That there are none of these.
    pub fn none(name: &str, count: usize) -> Check {
        Check::new(name, count.to_string(), count == 0)
    }
}
