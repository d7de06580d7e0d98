//! Where a province's tile stands on the map of tiles. Tiles are of one size, so that small provinces stay visible; they stand roughly
//! where the provinces lie. No boundary is drawn.

/// Column and row of a province by its code, from 1.
pub fn place(province: u32) -> Option<(u8, u8)> {
    const PLACES: [(u32, u8, u8); 34] = [
        (110_000, 7, 2),
        (120_000, 8, 3),
        (130_000, 7, 3),
        (140_000, 6, 3),
        (150_000, 6, 2),
        (210_000, 9, 3),
        (220_000, 9, 2),
        (230_000, 9, 1),
        (310_000, 9, 5),
        (320_000, 8, 5),
        (330_000, 8, 6),
        (340_000, 7, 5),
        (350_000, 7, 7),
        (360_000, 7, 6),
        (370_000, 7, 4),
        (410_000, 6, 4),
        (420_000, 6, 5),
        (430_000, 6, 6),
        (440_000, 6, 7),
        (450_000, 5, 7),
        (460_000, 5, 8),
        (500_000, 5, 5),
        (510_000, 4, 5),
        (520_000, 5, 6),
        (530_000, 4, 6),
        (540_000, 2, 4),
        (610_000, 5, 4),
        (620_000, 4, 3),
        (630_000, 3, 3),
        (640_000, 5, 3),
        (650_000, 2, 2),
        (710_000, 9, 7),
        (810_000, 7, 8),
        (820_000, 6, 8),
    ];
    PLACES.iter().find(|(code, ..)| *code == province).map(|(_, column, row)| (*column, *row))
}

/// A name as it fits a tile.
pub fn short(name: &str) -> &str {
    let endings = [
        "维吾尔自治区",
        "壮族自治区",
        "回族自治区",
        "特别行政区",
        "自治区",
        "街道",
        "省",
        "市",
        "区",
        "县",
        "镇",
        "乡",
    ];
    let cut = endings.iter().find_map(|ending| name.strip_suffix(ending));
    cut.filter(|short| short.chars().count() >= 2).unwrap_or(name)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::kernel::RegionCode;

    #[test]
    fn every_province_has_a_tile_of_its_own() {
        let provinces = RegionCode::provinces();
        let places: BTreeSet<(u8, u8)> = provinces.iter().filter_map(|province| place(province.number())).collect();
        assert_eq!(places.len(), provinces.len());
        assert!(places.iter().all(|(column, row)| *column <= 9 && *row <= 8));
        assert_eq!(place(331_000), None);
    }

    #[test]
    fn names_fit_their_tiles() {
        let names = ["浙江省", "新疆维吾尔自治区", "椒江区", "温岭市", "滨河街道", "易县", "内蒙古自治区"];
        assert_eq!(names.map(short), ["浙江", "新疆", "椒江", "温岭", "滨河", "易县", "内蒙古"]);
    }
}
