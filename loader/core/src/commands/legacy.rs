//! Legacy uImages at the prompt: described and verified as U-Boot does.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use hal::{PhysAddr, Region};

use super::start::{File, file_at, readable};
use crate::boot::report;
use crate::context::{CommandError, Context};
use crate::image::uimage;

/// Why an image is refused.
pub(super) struct Refusal {
    /// U-Boot's words, which lab tools and people know.
    pub(super) words: String,
    /// What exactly is wrong, with the numbers.
    pub(super) sentence: String,
}

impl Refusal {
    pub(super) fn new(words: impl Into<String>, sentence: impl ToString) -> Self {
        Self {
            words: words.into(),
            sentence: sentence.to_string(),
        }
    }

    /// The error of a command whose last words in such a case are `closing`.
    pub(super) fn closed_by(self, closing: &str) -> CommandError {
        let Self { words, sentence } = self;
        CommandError::failed(format!("{words}\n{closing}\n{sentence}"))
    }
}

/// The uImage at `address`, printed, with both CRCs verified; the region is that of its data.
pub(super) fn verified(context: &mut Context, address: PhysAddr) -> Result<(uimage::Header, File), Refusal> {
    examined(context, address, true)
}

/// As [`verified`], but of the header nothing is printed.
pub(super) fn checked(context: &mut Context, address: PhysAddr) -> Result<(uimage::Header, File), Refusal> {
    examined(context, address, false)
}

fn examined(context: &mut Context, address: PhysAddr, printed: bool) -> Result<(uimage::Header, File), Refusal> {
    let unreadable = |error| Refusal::new("Wrong Image Format", error);
    let bytes = readable(context, address).map_err(unreadable)?;
    let whole = Region::new(address, u64::try_from(bytes.len()).unwrap_or(u64::MAX));
    let header = uimage::Header::parse(bytes)
        .map_err(|error| Refusal::new("Bad Header Checksum", format_args!("{address}: {error}")))?;
    let data = header.data(bytes);
    let parts = data.ok().and_then(|data| header.parts(data).ok()).unwrap_or_default();
    let error = data.err();
    let lines = if printed {
        describe(&header, &parts.0)
    } else {
        Vec::new()
    };
    for line in lines {
        context.say(format_args!("   {line}"));
    }
    let name = file_at(context, address).map_or_else(|| header.name.clone(), |file| file.name);
    match (error, whole.and_then(|whole| header.data_region(whole))) {
        (None, Some(region)) => {
            context.say(format_args!("   Verifying Checksum ... OK"));
            Ok((header, File { name, region }))
        }
        (error, _) => {
            let error = error.map_or_else(|| "it runs past the end of RAM".to_string(), |error| error.to_string());
            let sentence = format!("{name} at {address}: {error}");
            Err(Refusal::new("   Verifying Checksum ... Bad Data CRC", sentence))
        }
    }
}

/// The lines in which U-Boot describes a uImage.
fn describe(header: &uimage::Header, parts: &[u32]) -> Vec<String> {
    let mut lines = Vec::from([
        format!("Image Name:   {}", header.name),
        format!("Created:      {}", utc(header.created)),
        format!(
            "Image Type:   {} {} {} ({})",
            header.arch, header.os, header.kind, header.compression
        ),
        format!(
            "Data Size:    {} Bytes = {}",
            header.data_len,
            report::size(u64::from(header.data_len))
        ),
        format!("Load Address: {:08x}", header.load),
        format!("Entry Point:  {:08x}", header.entry),
    ]);
    if !parts.is_empty() {
        lines.push("Contents:".to_string());
    }
    for (index, len) in parts.iter().enumerate() {
        lines.push(format!(
            "   Image {index}: {len} Bytes = {}",
            report::size(u64::from(*len))
        ));
    }
    lines
}

/// Seconds since 1970 as U-Boot prints a date: `2026-11-21   7:08:28 UTC`. Days to dates after the proleptic Gregorian
/// calendar, years beginning in March so that leap days come last.
pub(super) fn utc(seconds: u32) -> String {
    let (days, rest) = (seconds / 86_400 + 719_468, seconds % 86_400);
    let (era, day) = (days / 146_097, days % 146_097);
    let year = (day - day / 1_460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, later) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + later;
    format!(
        "{year}-{month:02}-{day:02}  {:2}:{:02}:{:02} UTC",
        rest / 3600,
        rest % 3600 / 60,
        rest % 60
    )
}

#[cfg(test)]
mod tests {
    use super::utc;

    #[test]
    fn dates_are_printed_as_u_boot_does() {
        assert_eq!(utc(0), "1970-01-01   0:00:00 UTC");
        assert_eq!(utc(1_700_000_000), "2023-11-14  22:13:20 UTC");
        assert_eq!(utc(951_782_400), "2000-02-29   0:00:00 UTC");
        assert_eq!(utc(u32::MAX), "2106-02-07   6:28:15 UTC");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let days: alloc::vec::Vec<_> = (0..=u32::MAX).step_by(86_400).map(utc).collect();
        assert!(days.is_sorted_by(|before, after| before < after));
    }
}
