use embedded_sdmmc_types::sdcard::mock::{TEST_CID, TEST_CSD};

use super::{ExtCsd, Identity, MmcCsd, Scr, SwitchStatus, mmc_version, sd_blocks};

#[test]
fn the_csd_of_real_cards() {
    assert_eq!(sd_blocks(&TEST_CSD, true), Ok(7_530 << 10));
    // From the tests of embedded-sdmmc: a card of 1 GB, and of 2 GB with blocks of 1024 bytes.
    let csd = 0x0026_0032_5f59_83c8_addb_cfff_d240_40a5_u128.to_be_bytes();
    assert_eq!(sd_blocks(&csd, false), Ok(1_984_000));
    let csd = 0x007f_0032_5b5a_83af_7fff_cf80_1680_006f_u128.to_be_bytes();
    assert_eq!(sd_blocks(&csd, false), Ok(3_774 << 10));
}

#[test]
fn no_csd_is_too_odd() {
    for byte in 0..=255 {
        for register in [[byte; 16], [byte, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, byte]] {
            for by_block in [false, true] {
                if let Ok(blocks) = sd_blocks(&register, by_block) {
                    assert!(blocks <= 1 << 38);
                }
            }
            let csd = MmcCsd::new(&register);
            assert!(csd.blocks.is_none_or(|blocks| blocks <= 1 << 32));
        }
    }
}

#[test]
fn names_of_cards() {
    let identity = Identity::of_sd(&TEST_CID);
    assert_eq!((identity.manufacturer, identity.oem), (0x12, 0x3456));
    assert_eq!(identity.name, "ASTC");
    let hostile = Identity::of_sd(b"\x03SD\x1b[2J\x07\x80\x12\x34\x56\x78\x01\x65\xff");
    assert_eq!(hostile.name, "[2J", "no control characters");
    let emmc = Identity::of_mmc(b"\x15\x01\x00AJNB4R\x07\x12\x34\x56\x78\x65\xff");
    assert_eq!(
        (emmc.manufacturer, emmc.oem, emmc.name.as_str()),
        (0x15, 0x100, "AJNB4R")
    );
    assert_eq!((emmc.revision.as_str(), emmc.serial), ("0.7", 0x1234_5678));
}

#[test]
fn versions_of_sd() {
    let version = |first, third, fourth| Scr([first, 0, third, fourth, 0, 0, 0, 0]).version();
    assert_eq!(version(0x00, 0, 0), "1.0");
    assert_eq!(version(0x01, 0, 0), "1.10");
    assert_eq!(version(0x02, 0, 0), "2.0");
    assert_eq!(version(0x02, 0x80, 0), "3.0");
    assert_eq!(version(0x02, 0x84, 0), "4.0");
    assert_eq!(version(0x02, 0x84, 0x40), "5.0");
    assert_eq!(version(0x02, 0x80, 0x80), "6.0");
    assert_eq!(version(0x0f, 0, 0), "1.0", "none that is known");
}

#[test]
fn versions_of_mmc() {
    let csd = |version| MmcCsd {
        version,
        blocks: None,
        erase_group: 1,
        block_length: 512,
    };
    let ext_csd = |revision| ExtCsd {
        revision,
        timings: 0,
        blocks: 0,
        erase_group: None,
    };
    assert_eq!(mmc_version(&csd(3), None), "3.0");
    assert_eq!(mmc_version(&csd(4), Some(&ext_csd(0))), "4.0");
    assert_eq!(mmc_version(&csd(4), Some(&ext_csd(5))), "4.4.1");
    assert_eq!(mmc_version(&csd(4), Some(&ext_csd(8))), "5.1");
    assert_eq!(mmc_version(&csd(15), Some(&ext_csd(255))), "5.1");
}

#[test]
fn the_size_of_erase_groups() {
    let mut register = [0; 512];
    register[224] = 4;
    assert_eq!(ExtCsd::new(&register).erase_group, None, "not in use");
    register[175] = 1;
    assert_eq!(ExtCsd::new(&register).erase_group, Some(4096));
    register[224] = 0;
    assert_eq!(ExtCsd::new(&register).erase_group, None);
}

#[test]
fn a_switch_that_is_refused() {
    let mut status = SwitchStatus([0; 64]);
    status.0[13] = 2;
    assert!(status.has_high_speed() && !status.is_high_speed());
    status.0[16] = 0xf;
    assert!(!status.is_high_speed());
    status.0[16] = 1;
    assert!(status.is_high_speed());
}
