//! What a process has had of the processors.

use std::io;
use std::path::Path;

/// The name and the time of a process or a thread, in ticks of 10 ms (proc(5): fields 2, 14 and 15 of `stat`).
///
/// # Errors
/// [`io::Error`] if it is gone, or its `stat` is not as proc(5) says.
pub fn ticks(stat: &Path) -> io::Result<(String, u32)> {
    let text = std::fs::read_to_string(stat)?;
    let parsed = text.split_once('(').and_then(|(_, rest)| {
        let (name, fields) = rest.rsplit_once(") ")?;
        let times = fields.split(' ').skip(11).take(2).map(|time| time.parse::<u32>().ok());
        Some((name.to_owned(), times.sum::<Option<u32>>()?))
    });
    parsed.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, text))
}

#[cfg(test)]
mod tests {
    use super::ticks;

    #[test]
    fn a_busy_process_has_had_time() {
        let own = || ticks("/proc/self/stat".as_ref()).unwrap();
        let (name, before) = own();
        assert!(!name.is_empty());
        while own().1 <= before {}
        assert!(ticks("/proc/self/comm".as_ref()).is_err());
    }
}
