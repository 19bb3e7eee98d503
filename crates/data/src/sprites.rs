//! Sheets of sprites with names: the npm packages `emoji-datasource-google`, `-twitter`, `-apple` and `-facebook`.
//!
//! ```text
//! emoji.json                          [ { "name", "category", "sheet_x", "sheet_y", "has_img_google", … }, … ]
//! img/google/sheets-clean/32.png      cells of 34 × 34 pixels: a sprite of 32 with a border of one pixel around it
//! ```
//!
//! The sprite of an entry begins at `(34·sheet_x + 1, 34·sheet_y + 1)`. There are sheets of 16, 20, 32 and 64 pixels: the
//! smallest that isn't smaller than the size that is asked for is read, and the one of 32 where none is asked for. An entry's
//! sprite is one picture; its variants in other skin tones are left out. The class is the category, the caption the name in
//! lower case. Transparent sprites are laid on white.
//!
//! Source: <https://github.com/iamcal/emoji-data#understanding-the-spritesheets>.

use crate::builder::Builder;
use crate::dataset::DataSplits;
use crate::error::DataError;
use crate::image::read_png;
use crate::listing::entries;
use crate::spec::Look;
use crate::{files, split};
use serde::Deserialize;
use serde_json::{Map, Value};
use std::path::Path;

/// The sides of the sprites on the sheets.
const SIDES: [usize; 4] = [16, 20, 32, 64];

/// The side of the sprites where no size is asked for.
const USUAL: usize = 32;

/// The largest `emoji.json`: 64 MiB, and its values take some ten times as much. The one of Unicode 16 has 1.3 MB.
const MAX_JSON_BYTES: u64 = 1 << 26;

/// The most entries of an `emoji.json`; the one of Unicode 16 has 1,911.
pub const MAX_SPRITES: usize = 1 << 16;

/// One sprite of a sheet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sprite {
    /// What it shows, in lower case.
    pub name: String,
    /// The group that it belongs to.
    pub category: String,
    /// The column of its cell, from 0.
    pub column: usize,
    /// The row of its cell, from 0.
    pub row: usize,
}

/// The parts of an entry that are read.
#[derive(Deserialize)]
struct Entry {
    name: Option<String>,
    short_name: String,
    category: String,
    sheet_x: usize,
    sheet_y: usize,
    #[serde(flatten)]
    rest: Map<String, Value>,
}

/// Reads the text of an `emoji.json`: the sprites that exist in the art of `set`, such as "google", in the order of the file.
/// `file` is what the errors call it.
///
/// ```
/// let text = r#"[{ "name": "GRINNING FACE", "short_name": "grinning", "category": "Smileys & Emotion",
///                  "sheet_x": 32, "sheet_y": 19, "has_img_google": true }]"#;
/// let sprites = glassbox_data::sprites::parse("emoji.json", text.as_bytes(), "google")?;
/// assert_eq!((sprites[0].name.as_str(), sprites[0].column, sprites[0].row), ("grinning face", 32, 19));
/// # Ok::<(), glassbox_data::DataError>(())
/// ```
///
/// # Errors
/// If it is not such a list, or a list of more than [`MAX_SPRITES`].
pub fn parse(file: &str, text: &[u8], set: &str) -> Result<Vec<Sprite>, DataError> {
    let wrong = |problem| DataError::Inconsistent { name: file.to_string(), problem };
    let entries: Vec<Entry> = serde_json::from_slice(text).map_err(|e| {
        wrong(format!("not a list of emoji as emoji-datasource has it ({e}); install the package again"))
    })?;
    if entries.len() > MAX_SPRITES {
        return Err(wrong(format!("{} entries; at most {MAX_SPRITES} are read", entries.len())));
    }
    let key = format!("has_img_{set}");
    let drawn = entries.into_iter().filter(|e| e.rest.get(&key) == Some(&Value::Bool(true)));
    let sprite = |e: Entry| Sprite {
        // Flags have no name of their own in older versions.
        name: e.name.unwrap_or(e.short_name).to_lowercase(),
        category: e.category,
        column: e.sheet_x,
        row: e.sheet_y,
    };
    Ok(drawn.map(sprite).collect())
}

/// Whether a folder is such a package.
pub(crate) fn is_package(folder: &Path) -> bool {
    folder.join("emoji.json").is_file() && folder.join("img").is_dir()
}

/// Reads a package.
pub(crate) fn read_package(spec: &str, folder: &Path, look: &Look) -> Result<DataSplits, DataError> {
    let wrong = |problem: String| DataError::Inconsistent { name: spec.to_string(), problem };
    let mut sets: Vec<String> = entries(&folder.join("img"))?.into_iter().map(|(_, name)| name).collect();
    sets.sort();
    let [set] = &sets[..] else {
        let problem = format!(
            "img/ holds {} sets of pictures, and one is read; give one of the packages \
                               emoji-datasource-google, -twitter, -apple and -facebook",
            sets.len()
        );
        return Err(wrong(problem));
    };
    let json = folder.join("emoji.json");
    let sprites = parse(&json.display().to_string(), &files::read_at_most(&json, MAX_JSON_BYTES)?, set)?;
    let mut classes: Vec<String> = sprites.iter().map(|s| s.category.clone()).collect();
    classes.sort();
    classes.dedup();

    let wanted = look.size.map_or(USUAL, |(w, h)| w.max(h));
    let side = SIDES.into_iter().find(|&side| side >= wanted).unwrap_or(SIDES[3]);
    let path = folder.join(format!("img/{set}/sheets-clean/{side}.png"));
    let sheet = read_png(&path)?;
    let cell = side + 2;

    let names: Vec<String> = sprites.iter().map(|s| s.name.clone()).collect();
    let parts = split::parts(spec, &names)?;
    let mut builder = Builder::new(spec, look, classes.clone())?;
    for (sprite, part) in sprites.into_iter().zip(parts) {
        let fits = |place: usize, length: usize| place < length / cell;
        if !fits(sprite.column, sheet.width()) || !fits(sprite.row, sheet.height()) {
            let (x, y) = (sprite.column, sprite.row);
            return Err(wrong(format!(
                "{:?} is in column {x} of row {y}, which {} doesn't have; install the package again",
                sprite.name,
                path.display()
            )));
        }
        let image = sheet.crop(cell * sprite.column + 1, cell * sprite.row + 1, side, side);
        let class = classes.iter().position(|c| *c == sprite.category).unwrap_or(0);
        builder.add(part, &image, class, Some(sprite.name.clone()), &sprite.name)?;
    }
    builder.finish()
}
