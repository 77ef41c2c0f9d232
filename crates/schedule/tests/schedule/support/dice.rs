//! Numbers that look random and are the same in every run (SplitMix64), and expressions made of them.

pub struct Dice(pub u64);

impl Dice {
    pub fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        (mixed ^ (mixed >> 31)) % limit
    }

    /// From 0 to 1.
    pub fn part(&mut self) -> f64 {
        self.below(1 << 20) as f64 / ((1 << 20) - 1) as f64
    }

    fn pick<'a>(&mut self, from: &[&'a str]) -> &'a str {
        from[self.below(from.len() as u64) as usize]
    }

    /// A value, range, step or list of a field.
    fn field(&mut self, low: u64, high: u64, special: &[&str]) -> String {
        let value = |dice: &mut Self| low + dice.below(high - low + 1);
        let (one, other) = (value(self), value(self));
        let (from, to) = (one.min(other), one.max(other));
        match self.below(8) {
            0 | 1 => "*".to_owned(),
            2 => format!("*/{}", 1 + self.below(high - low + 1)),
            3 => format!("{from}-{to}"),
            4 => format!("{from}-{to}/{}", 1 + self.below(to - from + 1)),
            5 => format!("{one},{other},{}", value(self)),
            6 if !special.is_empty() => self.pick(special).to_owned(),
            _ => one.to_string(),
        }
    }

    /// Five fields.
    pub fn expression(&mut self) -> String {
        let minute = self.field(0, 59, &[]);
        let hour = if self.below(2) == 0 { self.field(0, 23, &[]) } else { self.field(0, 3, &[]) };
        let day = self.field(1, 31, &["L", "$", "15W", "1W,LW", "L,31W", "1,L", "28-31"]);
        let month = self.field(1, 12, &["mar,Oct,NOV", "JAN-JUN/5"]);
        let plus = self.pick(&["", "", "", "+"]);
        let weekday = self.field(0, 7, &["MON-FRI", "5L", "7L,0#1", "sun#2", "5-7", "*/3"]);
        format!("{minute} {hour} {day} {month} {plus}{weekday}")
    }
}
